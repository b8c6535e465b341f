import type { CampaignFlags } from "../work/campaign.ts";
import { EXIT, UserError } from "../errors.ts";
import type { Timing } from "../work/list.ts";
import type { Reader, Topics } from "../store/store.ts";
import { findName } from "../compose/list/name.ts";
import { storedTopic } from "../store/topic-name.ts";
import type { AddCommand } from "./command.ts";
import type { Context } from "../work/context.ts";
import { addContentOptions, addRecipientOptions, setting } from "./options.ts";

interface Flags extends CampaignFlags {
  at: string;
  tz?: string;
  tzColumn?: string;
}

/** An instant (or one a zone) and how it is told to the user. */
interface When {
  timing: Timing;
  zone: string;
  notes: string[];
}

export const addSchedule: AddCommand = (program, act) => {
  const command = program
    .command("schedule")
    .description(
      "take a recipients file in for later, or with --topic move what is pending; cron's `send` does the sending",
    )
    .argument("[recipients.csv]", "CSV file, or - for stdin")
    .requiredOption("--at <when>", "2026-12-25T09:00:00+09:00, '2026-12-25 09:00' (read in --tz), or +90m, +2h, +1d")
    .addOption(setting("--tz <zone>", "TZ", "IANA time zone of --at (default: the machine's)"))
    .option("--tz-column <name>", "column with each recipient's own zone: 09:00 means their 09:00")
    .option("--replace-content", "give what has not been sent yet this content");
  addRecipientOptions(addContentOptions(command));
  command.action(act<Flags>((context, flags, [file]) => schedule(context, file, flags)));
};

async function schedule(context: Context, file: string | undefined, flags: Flags): Promise<number> {
  const when = await readWhen(context, flags);
  for (const note of when.notes) context.terminal.warn(note);
  if (file !== undefined) return scheduleFile(context, file, flags, when);
  if (flags.topic === undefined) {
    throw new UserError(
      "schedule expects a recipients file or --topic, got neither",
      "name the file to send, or the topic to move",
    );
  }
  return move(context, flags.topic, when);
}

async function scheduleFile(context: Context, file: string, flags: Flags, when: When): Promise<number> {
  const { terminal, globals } = context;
  const { readCampaign, stageCampaign, describeList } = await import("../work/campaign.ts");
  const campaign = await readCampaign(file, flags, context.terminal);
  const store = await context.openStore();
  campaign.topic = await storedTopic(store, campaign.topic);
  const staged = await stageCampaign(context, store, campaign, { timing: when.timing, dryRun: false });
  const ingest = await staged.commit();
  const { topic } = campaign;
  const totals = await store.totals(topic);
  if (globals.json) {
    const at = new Date(staged.notBefore).toISOString();
    terminal.json({
      topic,
      outcome: "scheduled",
      reason: null,
      ingest,
      run: null,
      totals,
      scheduled_at: at,
      zone: when.zone,
    });
  } else {
    terminal.result(describeList(topic, ingest));
    await tellWhen(context, staged.notBefore, when);
  }
  if (ingest.added === 0 && ingest.duplicates > 0) {
    terminal.warn(
      `Everybody was in "${topic}" already, so nothing moved; to move what is pending: ses-mail schedule --topic "${topic}" --at …`,
    );
  }
  return ingest.rejected > 0 ? EXIT.partial : EXIT.done;
}

async function move(context: Context, name: string, when: When): Promise<number> {
  const { terminal, globals } = context;
  const store = await context.openStore({ mustExist: true });
  const topic = await storedTopic(store, name);
  const { pending } = await store.totals(topic);
  if (pending === 0) throw await nothingToMove(store, topic);
  const { notBefore, instantOf } = await instants(store, topic, when);
  const moved = await store.reschedule(topic, { notBefore, instantOf });
  const totals = await store.totals(topic);
  if (globals.json) {
    const at = new Date(notBefore).toISOString();
    terminal.json({
      topic,
      outcome: "scheduled",
      reason: null,
      ingest: null,
      run: null,
      totals,
      moved,
      scheduled_at: at,
      zone: when.zone,
    });
  } else {
    terminal.result(`${topic}: ${moved} messages moved`);
    await tellWhen(context, notBefore, when);
  }
  return EXIT.done;
}

/** To answer "due at 09:00" for a topic of which nothing will be sent would be a promise that is not kept. */
async function nothingToMove(store: Topics, topic: string): Promise<UserError> {
  const cancelled = (await store.topics()).some((row) => row.topic === topic && row.cancelledAt !== null);
  return new UserError(
    `topic "${topic}" has nothing pending to move`,
    cancelled
      ? `it is cancelled; reopen it with: ses-mail retry "${topic}" --state cancelled`
      : `look at it with: ses-mail stats "${topic}"`,
  );
}

/** Looks at every recipient's zone before anything is moved: all or nothing. */
async function instants(store: Topics & Reader, topic: string, { timing }: When) {
  const { zoneColumn } = timing;
  if (zoneColumn === null) {
    const due = timing.instantOf("");
    if ("problem" in due) throw new UserError(due.problem);
    return { notBefore: due.at, instantOf: null };
  }
  const columns = await store.columns(topic);
  const column = columns[findName(zoneColumn, columns.map((name) => name.normalize("NFC")))]; // prettier-ignore
  if (column === undefined)
    throw new UserError(`--tz-column expects one of the columns ${columns.join(", ")}, got "${zoneColumn}"`);
  let notBefore = Number.POSITIVE_INFINITY;
  const pastZones = new Map<string, number>();
  for await (const message of store.messages(topic, ["pending"])) {
    const zone = (message.fields[column] ?? "").trim();
    const due = timing.instantOf(zone);
    if ("at" in due) notBefore = Math.min(notBefore, due.at);
    else if (due.problem === "past") pastZones.set(zone, (pastZones.get(zone) ?? 0) + 1);
    else throw new UserError(`${message.email}: ${due.problem}`, "nothing was moved");
  }
  if (pastZones.size > 0) {
    const { pastIn } = await import("../work/list.ts");
    throw pastIn(pastZones, "nothing was moved");
  }
  const instantOf = (fields: Record<string, string>) => {
    const due = timing.instantOf((fields[column] ?? "").trim());
    return "at" in due ? due.at : notBefore;
  };
  return { notBefore: Number.isFinite(notBefore) ? notBefore : 0, instantOf };
}

async function readWhen({ io }: Context, flags: Flags): Promise<When> {
  const { checkZone, machineZone, parseWhen, zoneInstants } = await import("../time/schedule.ts");
  const now = io.clock.now();
  const zone = flags.tz === undefined ? machineZone() : checkZone(flags.tz);
  if (flags.tzColumn === undefined) {
    const { at, note } = parseWhen(flags.at, { now, zone });
    return { timing: { zoneColumn: null, instantOf: () => ({ at }) }, zone, notes: note ? [note] : [] };
  }
  const notes = flags.tz === undefined ? [] : ["--tz is not used with --tz-column: each recipient's own zone counts."];
  return {
    timing: { zoneColumn: flags.tzColumn, instantOf: zoneInstants(flags.at, now) },
    zone: "each recipient's own",
    notes,
  };
}

async function tellWhen({ io, terminal }: Context, at: number, when: When): Promise<void> {
  const { describeInstant, machineZone } = await import("../time/schedule.ts");
  const perRecipient = when.timing.zoneColumn !== null;
  const text = describeInstant(at, perRecipient ? machineZone() : when.zone, io.clock.now());
  terminal.result(perRecipient ? `first due ${text}, each at their own local time` : `due ${text}`);
}
