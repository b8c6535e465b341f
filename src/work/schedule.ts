/** The `schedule` command at work: it takes a list in for later, or moves a topic's pending messages to another time. */
import { type CampaignFlags, importCampaign } from "./campaign.ts";
import type { Context } from "./context.ts";
import { EXIT, UserError } from "../errors.ts";
import { cutOff } from "./cut-off.ts";
import { remindOfPause } from "./paused.ts";
import { tellingRefusals } from "./refused-topic.ts";
import { pastIn, type Timing, zoneColumnOf } from "./list.ts";
import type { ListAnswer } from "./list-facts.ts";
import { rehearsalOf, removeRehearsal } from "./afresh.ts";
import { aboutAll, aboutTopic, moveTopic } from "./commands.ts";
import { counted } from "../counted.ts";
import type { State, Totals } from "../message.ts";
import type { Reschedule } from "../store/rows.ts";
import { TopicRefusedError } from "../store/rules/admit.ts";
import type { Reader, Topics } from "../store/store.ts";
import { storedTopic } from "../store/topic-name.ts";
import { isoTime } from "../time/iso.ts";
import { checkZone, describeInstant, machineZone, parseWhen, zoneInstants } from "../time/schedule.ts";

/** Options of `schedule`. */
export interface ScheduleFlags extends CampaignFlags {
  at: string;
  tz?: string;
  tzColumn?: string;
}

/** When messages are due, and how that is told to the user. */
interface When {
  timing: Timing;
  zone: string;
  notes: string[];
}

/**
 * `schedule`: takes the list `file` into its topic for later; null: moves the pending messages of `--topic`. Everything is
 * scheduled, or nothing. Throws `UserError` for a time that cannot be read or is past, and when there is nothing to
 * schedule.
 */
export async function schedule(context: Context, file: string | null, flags: ScheduleFlags): Promise<number> {
  const when = readWhen(context, flags);
  for (const note of when.notes) context.terminal.warn(note);
  if (file !== null) return scheduleFile(context, file, flags, when);
  if (flags.topic === undefined) {
    throw new UserError(
      "schedule expects a recipients file or --topic, got neither",
      "name the file to send, or the topic to move",
    );
  }
  return moveMessages(context, flags.topic, when);
}

async function scheduleFile(context: Context, file: string, flags: ScheduleFlags, when: When): Promise<number> {
  const { terminal } = context;
  const scheduled = await importCampaign(context, file, flags, when.timing, { isReal: true });
  const { topic, ingest, totals, notBefore, isAfresh, text } = scheduled;
  // What was rehearsed waits for the earliest time. Each recipient has a zone of its own, so give it its own time.
  let reason: string | null = null;
  if (isAfresh && when.timing.zoneColumn !== null) {
    const store = await context.openStore();
    const plan = await planMove(store, topic, when, ["pending"]);
    await tellingRefusals(context, store.reschedule(topic, plan));
    reason = await whyElse(context, store, topic, plan);
  }
  answer(context, { topic, ingest, totals, notBefore, when, text, isMoved: isAfresh, reason });
  if (ingest.added === 0 && ingest.duplicates > 0 && !isAfresh) {
    const next =
      totals.pending > 0
        ? `to move what is pending: ${moveTopic(context, topic, "…")}`
        : `nothing of it waits; see: ${aboutTopic(context, "stats", topic)}`;
    terminal.warn(`Everybody was in "${topic}" already, so nothing moved; ${next}`);
  }
  return ingest.rejected > 0 || reason !== null ? EXIT.partial : EXIT.done;
}

async function moveMessages(context: Context, name: string, when: When): Promise<number> {
  const store = await context.openStore({ ifMissing: "refuse" });
  const topic = await storedTopic(store, name);
  const rehearsed = await rehearsalOf(context, store, topic, "ses");
  const { pending } = await store.totals(topic);
  // What is pending in a cancelled topic is about to be cancelled.
  if (!rehearsed && (pending === 0 || (await isCancelled(store, topic))))
    throw await nothingToMove(context, store, topic);
  const plan = await planMove(store, topic, when, rehearsed ? null : ["pending"]);
  if (rehearsed) await removeRehearsal(context, store, topic, { notBefore: plan.notBefore });
  const moved = await store.reschedule(topic, plan).catch(async (error: unknown) => {
    throw error instanceof TopicRefusedError ? await nothingToMove(context, store, topic) : error;
  });
  const totals = await store.totals(topic);
  const reason = await whyElse(context, store, topic, plan);
  const text = `${topic}: ${counted(moved, "message")} moved`;
  answer(context, { topic, ingest: null, totals, moved, notBefore: plan.notBefore, when, text, reason });
  if (reason !== null) return EXIT.partial;
  await remindOfPause(context, store, topic);
  return EXIT.done;
}

interface Scheduled {
  topic: string;
  ingest: ListAnswer | null;
  totals: Totals;
  /** How many pending messages were moved; left out when a list was taken in. */
  moved?: number;
  /** The earliest instant at which a message is due, in ms since the epoch. */
  notBefore: number;
  when: When;
  /** True: what was in the topic before the list is due with it now. */
  isMoved?: boolean;
  /** Why it will not be sent then all the same. */
  reason?: string | null;
  /** What was done, for people. */
  text: string;
}

function answer(context: Context, scheduled: Scheduled): void {
  const { terminal, globals, io } = context;
  const { topic, ingest, totals, moved, notBefore, when, text, isMoved = false, reason = null } = scheduled;
  if (globals.json) {
    terminal.json({
      topic,
      outcome: "scheduled",
      reason,
      ingest,
      run: null,
      totals,
      ...(moved !== undefined && { moved }),
      scheduled_at: isoTime(notBefore),
      zone: when.zone,
    });
  } else {
    const trouble = reason === null ? ingest?.rejected : 1;
    terminal.done(reason === null ? text : `${text}; ${reason}`, trouble);
    if (reason !== null) return;
    // Of a list that added nobody nothing is due at this time.
    if (isMoved || (moved ?? ingest?.added ?? 0) > 0) {
      terminal.done(dueText(notBefore, when, io.clock.now()), trouble);
      // Nothing leaves by itself, which those who schedule for the first time do not know.
      terminal.info(
        `Something has to send it then: cron with ${aboutAll(context, "send")}, ses-mail work, or ses-mail serve.`,
      );
      terminal.info(`take it back with: ${aboutTopic(context, "cancel", topic)}`);
    }
  }
}

function dueText(at: number, when: When, now: number): string {
  const perRecipient = when.timing.zoneColumn !== null;
  const text = describeInstant(at, perRecipient ? machineZone() : when.zone, now);
  return perRecipient ? `first due ${text}, each at their own local time` : `due ${text}`;
}

/** The error for a topic with nothing pending: "due at 09:00" would be a promise that is not kept. */
async function nothingToMove(context: Context, store: Topics, topic: string): Promise<UserError> {
  return new UserError(
    `topic "${topic}" has nothing pending to move`,
    (await isCancelled(store, topic))
      ? `it is cancelled; reopen it with: ${aboutTopic(context, "retry", topic, "--state cancelled")}`
      : `look at it with: ${aboutTopic(context, "stats", topic)}`,
  );
}

async function isCancelled(store: Topics, topic: string): Promise<boolean> {
  return ((await store.topic(topic))?.cancelledAt ?? null) !== null;
}

/** What to say when somebody did something else to the topic while it was moved; null: it is due as it was asked for. */
async function whyElse(
  context: Context,
  store: Topics,
  topic: string,
  { notBefore }: Reschedule,
): Promise<string | null> {
  const reason = await cutOff(context, store, { topic, states: [] });
  if (reason !== null) return reason;
  const row = await store.topic(topic);
  if (row === null || (row.notBefore ?? 0) === notBefore) return null;
  return `somebody gave it another time meanwhile, or added mail with another one; see: ${aboutAll(context, "topics")}`;
}

/** `states`: which messages will be pending when they are moved; null: all. */
async function planMove(
  store: Topics & Reader,
  topic: string,
  { timing }: When,
  states: State[] | null,
): Promise<Reschedule> {
  if (timing.zoneColumn === null) {
    const due = timing.instantOf("");
    if ("problem" in due) throw new UserError(due.problem);
    return { notBefore: due.at, times: null };
  }
  return planByZone(store, topic, { timing, zoneColumn: timing.zoneColumn, states });
}

interface ZonePlan {
  timing: Timing;
  zoneColumn: string;
  states: State[] | null;
}

/** Looks at every recipient's zone before anything is moved, so that either all messages move or none. */
async function planByZone(
  store: Topics & Reader,
  topic: string,
  { timing, zoneColumn, states }: ZonePlan,
): Promise<Reschedule> {
  const columns = await store.columns(topic);
  const column = columns[zoneColumnOf(zoneColumn, columns)] ?? "";
  const dueOf = (fields: Record<string, string>) => timing.instantOf((fields[column] ?? "").trim());
  let notBefore = Number.POSITIVE_INFINITY;
  const at: Record<string, number> = {};
  const pastZones = new Map<string, number>();
  for await (const page of store.messages(topic, states))
    for (const { email, fields } of page) {
      const zone = (fields[column] ?? "").trim();
      const due = dueOf(fields);
      if ("at" in due) notBefore = Math.min(notBefore, (at[zone] = due.at));
      else if (due.problem === "past") pastZones.set(zone, (pastZones.get(zone) ?? 0) + 1);
      else throw new UserError(`${email}: ${due.problem}`, "nothing was moved");
    }
  if (pastZones.size > 0) throw pastIn(pastZones, "nothing was moved");
  return {
    notBefore: Number.isFinite(notBefore) ? notBefore : 0,
    times: { column, at },
  };
}

function readWhen({ io }: Context, flags: ScheduleFlags): When {
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
