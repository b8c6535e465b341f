/** `dead retry` at work: takes dead letters in again, by the way that an inlet takes what its broker brings. */
import type { Context } from "../context.ts";
import { counted } from "../../counted.ts";
import { checkChoice, type ChoiceFlags, chosenDead } from "./choice.ts";
import { type Again, type DeadInlets, deadInlets, deliveryOf, streamOf } from "./inlets.ts";
import { EXIT, exitCodeOf, UserError } from "../../errors.ts";
import { createJobTemplates } from "../../intake/broker/job-templates.ts";
import { createRequestInbox } from "../../intake/inbox.ts";
import type { RequestSurroundings } from "../../intake/request.ts";
import type { Handler } from "../../queue/consume.ts";
import { retryResult } from "../brokers/results.ts";
import { readTemplatesFolder } from "../brokers/settings.ts";
import { type IncomingFlags, readIncoming } from "../incoming.ts";
import type { RedisTemplates } from "../../queue/redis/redis.ts";
import { setAsideText } from "../set-aside.ts";
import type { DeadLetter, DeadLetterRow } from "../../store/rows.ts";
import type { Store } from "../../store/store.ts";

/** Options of `dead retry`. */
export interface DeadRetryFlags extends ChoiceFlags, IncomingFlags {
  sandbox?: boolean;
  templates?: string;
  redis?: string;
  /** Where results are told; not set: those of NATS are told to nobody. */
  results?: string;
}

/** Letters that are taken in together: their number, and their bytes. */
const MOST_TOGETHER = 100;
const MOST_BYTES = 16 * 1024 * 1024;

/** Why a letter stays dead. */
interface Left {
  id: number;
  reason: string;
}

/**
 * `dead retry`: takes letters in again, and removes those that are stored. Resolves to the exit code: that of the signal when it left
 * some, or 1 when some stay dead. Throws `UserError`, and changes nothing, for a number that is none or unknown, a missing sender, an
 * address of Redis that cannot be used, and for a no.
 */
export async function retryDead(context: Context, ids: readonly string[], flags: DeadRetryFlags): Promise<number> {
  const { openStore, terminal, globals, io } = context;
  const choice = { ids, flags, command: "dead retry", question: "Take in again" };
  checkChoice(choice.command, ids, flags);
  const around = await surroundingsFor(context, flags);
  const store = await openStore({ ifMissing: "refuse" });
  const chosen = await chosenDead(context, store, choice);
  const retry = createRetry(context, store, around);
  const left: Left[] = [];
  let [taken, stayed, isCut] = [0, 0, false];
  for await (const rows of inParts(chosen)) {
    isCut = io.signal.aborted;
    if (isCut) break;
    const tried = await retry(rows);
    taken += tried.taken;
    stayed += tried.left.length;
    for (const { id, reason } of tried.left) terminal.warn(`dead letter ${id} stays dead: ${reason}`);
    // There may be a million, and only --json needs them at the end.
    if (globals.json) left.push(...tried.left);
  }
  if (globals.json) terminal.json({ taken, dead: left });
  else terminal.done(`${counted(taken, "dead letter")} taken in, ${stayed} still dead`, stayed);
  if (isCut) return exitCodeOf(io.signal);
  return stayed === 0 ? EXIT.done : EXIT.partial;
}

/** What is known of the mail beside the letters. */
interface Around {
  surroundings: Omit<RequestSurroundings, "templates" | "knownUuids">;
  from: string;
  endpoint: "ses" | "sandbox";
  folder: string | null;
  /** The server that is asked for templates. */
  redis: string | null;
  /** Whether those who publish to NATS are told what becomes of their mail. */
  reports: boolean;
}

async function surroundingsFor({ io }: Context, flags: DeadRetryFlags): Promise<Around> {
  const { envelope, tracking } = readIncoming(flags);
  if (envelope === null)
    throw new UserError("dead retry expects the sender of the mail, got none", "give --from or set SES_MAIL_FROM");
  return {
    surroundings: { now: io.clock.now(), zone: null, envelope, tracking },
    from: envelope.from,
    endpoint: flags.sandbox ? "sandbox" : "ses",
    // The older name is one that serve and work know.
    reports: flags.results !== undefined || Boolean(io.env["NATS_RESULTS"]),
    folder: await readTemplatesFolder(io.cwd, flags.templates),
    redis: flags.redis ?? null,
  };
}

/** The letters in parts, each small enough to be in memory at once. */
async function* inParts(rows: AsyncIterable<DeadLetterRow> | Iterable<DeadLetterRow>): AsyncGenerator<DeadLetterRow[]> {
  let part: DeadLetterRow[] = [];
  let bytes = 0;
  for await (const row of rows) {
    if (part.length >= MOST_TOGETHER || (part.length > 0 && bytes + row.bytes > MOST_BYTES)) {
      yield part;
      [part, bytes] = [[], 0];
    }
    part.push(row);
    bytes += row.bytes;
  }
  if (part.length > 0) yield part;
}

/** What came of some letters: how many were taken in and removed, and which stay dead. */
interface Tried {
  taken: number;
  left: Left[];
}

/** Makes what takes some letters in. */
function createRetry(
  context: Context,
  store: Store,
  around: Around,
): (rows: readonly DeadLetterRow[]) => Promise<Tried> {
  const taker = createTakers(context, store, around);
  return async (rows) => {
    const parts = new Map<Taker, DeadLetter[]>();
    const tried: number[] = [];
    for (const { id } of rows) {
      const letter = await store.deadLetter(id);
      // Another process may have removed it.
      if (letter === null) continue;
      tried.push(id);
      const take = taker(letter);
      parts.set(take, [...(parts.get(take) ?? []), letter]);
    }
    const left: Left[] = [];
    for (const [take, letters] of parts) left.push(...(await take(letters)));
    const stay = new Set(left.map(({ id }) => id));
    const taken = tried.filter((id) => !stay.has(id));
    await store.dropDead(taken);
    return { taken: taken.length, left };
  };
}

/** Takes letters of one inlet in. Resolves to those that stay dead. */
type Taker = (letters: readonly DeadLetter[]) => Promise<Left[]>;

/** Gives what takes a letter in: an inlet like that of its broker, one for each stream of Redis. */
function createTakers(context: Context, store: Store, around: Around): (letter: DeadLetter) => Taker {
  const known = new Map<string, Taker>();
  const inletFor = inletsOf(context, store, around);
  return ({ source, origin }) => {
    const key = source === "redis" ? `redis ${streamOf(origin)}` : source;
    const taker = known.get(key) ?? (source === "results" ? resultsTaker(store) : inletTaker(inletFor(source, origin)));
    known.set(key, taker);
    return taker;
  };
}

function inletTaker(handle: Handler<Again>): Taker {
  return async (letters) => {
    const verdicts = await handle(letters.map(deliveryOf));
    return letters.flatMap(({ id }, index) => {
      const verdict = verdicts[index];
      return verdict?.kind === "refused" ? { id, reason: verdict.reason } : [];
    });
  };
}

function inletsOf(context: Context, store: Store, around: Around): DeadInlets {
  const { io, terminal } = context;
  const { endpoint, folder, from, redis, reports, surroundings } = around;
  const inbox = createRequestInbox({
    store,
    endpoint,
    wake: () => undefined,
    onSetAside: (setAside) => terminal.warn(setAsideText(setAside)),
  });
  const outside = redis === null ? { isRedisMissing: true } : { remote: remoteTemplates(context, redis) };
  const templates = createJobTemplates({ store, folder, from, clock: io.clock, ...outside });
  const onTrouble = (reason: string | null) => {
    if (reason !== null) terminal.warn(`${reason}; trying on`);
  };
  return deadInlets({ store, inbox, surroundings, templates, reports, clock: io.clock, signal: io.signal, onTrouble });
}

/** Connects when the first template is asked for: most letters need none of Redis. */
function remoteTemplates(context: Context, url: string): RedisTemplates["template"] {
  let opened: Promise<RedisTemplates> | null = null;
  const open = async (): Promise<RedisTemplates> => {
    const { openRedisTemplates } = await import("../../queue/redis/redis.ts");
    const redis = await openRedisTemplates(url);
    context.onExit(() => redis.close());
    return redis;
  };
  return async (name) => (await (opened ??= open())).template(name);
}

function resultsTaker(store: Store): Taker {
  return async (letters) => {
    const left: Left[] = [];
    for (const letter of letters) {
      const reason = await retryResult(store, letter);
      if (reason === null) continue;
      left.push({ id: letter.id, reason });
      await store.keepDead([{ ...letter, reason }]);
    }
    return left;
  };
}
