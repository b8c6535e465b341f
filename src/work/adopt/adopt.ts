/** The `adopt` command at work: takes over what another mail program has in its database. */
import { basename, resolve } from "node:path";
import { openRejects, type Rejects } from "../../compose/list/csv-writer.ts";
import { readEnvelope } from "../../compose/content/content.ts";
import { InterruptedError } from "../../errors.ts";
import type { IngestSummary } from "../../feedback/apply-dump.ts";
import { boundOldSpace, boundYoungSpace } from "../../memory.ts";
import { checkLocation, isServer } from "../../store/address.ts";
import type { Foreign, ForeignState } from "../../store/foreign.ts";
import type { Store } from "../../store/store.ts";
import { createBreath } from "../breath.ts";
import type { Context } from "../context.ts";
import { countProgress } from "../progress.ts";
import { readTracking, type TrackingFlags } from "../tracking.ts";
import { answer, type Adopted } from "./answer.ts";
import { Examiner } from "./examine.ts";
import { adoptResults } from "./results.ts";
import { Taker } from "./take.ts";

/** The options of `adopt`. */
export interface AdoptFlags extends TrackingFlags {
  from?: string;
  replyTo?: string[];
  configurationSet?: string;
  tenant?: string;
  dryRun?: boolean;
}

/**
 * The order in which states are read. Of several mails with one content to one address in one topic only the first is kept, so what
 * was sent comes before what is to be sent, and that before what was given up.
 */
const BEFORE_EVENTS: readonly ForeignState[] = ["sent", "processing"];
/** They come after the events, so that nothing is pending to an address that bounced. */
const AFTER_EVENTS: readonly ForeignState[] = ["created", "failed", "stopped", "unknown"];

/** How many records that cannot be read get a warning each. */
const MALFORMED_SHOWN = 20;
/** So many reasons are told apart why reports are passed over. */
const MOST_REASONS = 20;
/** The garbage of a few pages: more would only take memory. */
const YOUNG_MB = 16;

/**
 * `adopt`. Resolves to the exit code: 1 when rows were refused, or the other program went on meanwhile.
 * @throws UserError when the database is none that we know; InterruptedError after a signal, when what was done stays done.
 */
export async function adopt(context: Context, database: string, flags: AdoptFlags): Promise<number> {
  const { io, terminal } = context;
  const { dryRun = false } = flags;
  const foreign = await open(context, database);
  const around = readSurrounding(flags);
  const use = await foreign.use();
  if (use !== null) terminal.warn(`Stop ${foreign.program} before you adopt what it has: ${use}.`);
  const store = await context.openStore(dryRun ? { ifMissing: "scratch", toRead: true } : {});
  const rejects = dryRun ? null : openRejects(rejectsPath(foreign), HEADER, io.cwd);
  try {
    const adopted = await takeOver(context, { foreign, store, rejects, around, dryRun });
    return answer(context, foreign, { ...adopted, dryRun, rejectsFile: (await rejects?.close()) ?? null });
  } catch (error) {
    if (error instanceof InterruptedError)
      terminal.warn("What was adopted stays; run the same command again to go on.");
    throw error;
  } finally {
    await rejects?.close();
  }
}

const HEADER = ["id", "email", "topic_id", "status", "scheduled_at", "error", "content_id"];

function readSurrounding(flags: AdoptFlags) {
  // A dry run shows what there is, and needs no sender for that.
  const from = flags.from ?? (flags.dryRun === true ? "nobody@example.com" : "");
  const envelope = readEnvelope({
    from,
    ...(flags.replyTo && { replyTo: flags.replyTo }),
    ...(flags.configurationSet !== undefined && { configurationSet: flags.configurationSet }),
    ...(flags.tenant !== undefined && { tenant: flags.tenant }),
  });
  return { envelope, tracking: readTracking(flags) };
}

async function open({ io, onExit }: Context, database: string): Promise<Foreign> {
  const { openForeign } = await import("../../store/open.ts");
  checkLocation(database, "adopt");
  const foreign = await openForeign(isServer(database) ? database : resolve(io.cwd, database), io.env);
  onExit(() => foreign.close());
  return foreign;
}

/** In the working directory: the folder of the database belongs to the other program. */
function rejectsPath({ location }: Foreign): string {
  const name = isServer(location) ? (/\/([^/]+)$/.exec(location)?.[1] ?? "database") : basename(location);
  return `${name}.rejects.csv`;
}

interface Parts {
  foreign: Foreign;
  store: Store;
  rejects: Rejects | null;
  around: ReturnType<typeof readSurrounding>;
  dryRun: boolean;
}

async function takeOver(
  { io, terminal }: Context,
  { foreign, store, rejects, around, dryRun }: Parts,
): Promise<Omit<Adopted, "dryRun" | "rejectsFile">> {
  boundOldSpace();
  const counts = await foreign.counts();
  const progress = countProgress({ io, terminal }, "read");
  const breath = createBreath(io.signal);
  const examiner = new Examiner(foreign, around, io.clock.now());
  const taker = new Taker({ foreign, store, rejects, examiner, dryRun, now: io.clock.now() });
  const pass = async (states: readonly ForeignState[]) => {
    for (const state of states) {
      if (!counts.has(state)) continue;
      for await (const page of foreign.rows(state)) {
        await taker.take(page, state, breath);
        boundYoungSpace(YOUNG_MB);
        progress.update(taker.figures.rows);
      }
      await taker.flush();
    }
  };
  const passedOver = new Map<string, number>();
  const notePassedOver = (why: string) => {
    const reason = passedOver.has(why) || passedOver.size < MOST_REASONS ? why : "says something else";
    passedOver.set(reason, (passedOver.get(reason) ?? 0) + 1);
  };
  let shown = 0;
  const malformed = (id: string, reason: string) => {
    if (shown++ < MALFORMED_SHOWN) terminal.warn(`The report ${id} in email_results cannot be read: ${reason}.`);
  };
  try {
    await pass(BEFORE_EVENTS);
    const events: IngestSummary = await adoptResults(foreign, dryRun ? null : store, {
      malformed,
      passedOver: notePassedOver,
      breath,
    });
    await pass(AFTER_EVENTS);
    // Events that came here before the mail that they are about.
    if (!dryRun) await store.matchKeptEvents();
    return { figures: taker.figures, events, passedOver, changed: await foreign.changed() };
  } finally {
    progress.stop();
  }
}
