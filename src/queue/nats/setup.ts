/** The stream and the consumer of a queue: looked at, and made when they are missing. Those that are there stay as they are. */
import {
  AckPolicy,
  type ConsumerConfig,
  type ConsumerInfo,
  DeliverPolicy,
  DiscardPolicy,
  type JetStreamManager,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type StreamInfo,
} from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { UserError } from "../../errors.ts";
import { systemClock } from "../../time/clock.ts";
import { QueueUnreachable } from "../queue.ts";
import { isAhead } from "./ahead.ts";
import { requestTrouble } from "./trouble.ts";
import { aheadWarning, consumerWarnings, resultsWarnings, streamWarnings, untakenWarning } from "./warnings.ts";

/** What to read. */
export interface Where {
  stream: string;
  /** Which messages of the stream. */
  subject: string;
  /** The durable consumer that remembers how far we are. */
  consumer: string;
  /** Where results about these messages are published. Not set: nowhere. */
  results?: string;
}

/** How long a request of the JetStream API may take. */
const REQUEST_MS = 5_000;
const NS = 1e6;
/** How long JetStream recognises a repeated Nats-Msg-Id. */
const DUPLICATE_WINDOW_MS = 120_000;
const ACK_WAIT_MS = 30_000;
const MAX_ACK_PENDING = 2_000;
/** Tells what we made from what others made, also in a later run. */
const OURS = "made by ses-mail";

/**
 * From when something is missed until it is made again. nats-server answers before it has removed all of a stream, and goes
 * on to remove files of the new one. And who deleted it may be about to make it again.
 */
const DELETED_MS = 2_000;
/** From when the server says no until what another process makes is there. */
const FASTER_MS = 300;

/** What a queue that is there allows. */
export interface Found {
  /** When the stream was made, as the server writes it: two streams of one name differ in it. */
  streamMade: string;
  /** After how long a message that nobody answered comes again. */
  ackWaitMs: number;
  /** Most that one pull may ask for; Infinity: no limit. */
  mostMessages: number;
  mostBytes: number;
  longestMs: number;
}

/** What the run knows of a queue. */
export interface Memory {
  /** It was there before, so what is missing now was deleted. */
  wasThere: boolean;
  /** Whether the stream and the consumer are ours to make again. */
  streamIsOurs: boolean;
  consumerIsOurs: boolean;
}

/** The server answers, and says that the queue cannot be read for now. */
export class QueueHalted extends QueueUnreachable {
  override name = "QueueHalted";
}

/** Who hears what was made, and what a stream or consumer may do to mail. */
export interface Told {
  tell(text: string): void;
  warn(text: string): void;
}

/**
 * Looks at the stream and the consumer, and makes what is missing: what was missing at first, and what was ours and was
 * deleted. Warnings and what was made are told.
 * @throws QueueUnreachable when the server does not answer; QueueHalted when it says no, and when what others had made is gone; UserError for
 *   what will not go away by itself, found before the queue was ever there.
 */
export async function setUp(
  connection: NatsConnection,
  where: Where,
  memory: Memory,
  { tell, warn }: Told,
): Promise<Found> {
  try {
    const manager = await jetstreamManager(connection, { checkAPI: false, timeout: REQUEST_MS });
    const missed = memory.wasThere ? DELETED_MS : 0;
    const stream =
      (await twice(missed, () => streamInfo(manager, where))) ?? (await makeStream(manager, where, memory, tell));
    streamWarnings(stream.config).forEach(warn);
    const at = { where, stream, memory, tell };
    const there = await twice(missed, () => consumerInfo(manager, where));
    const consumer =
      there === null ? await makeConsumer(manager, at) : await replacedIfAhead(manager, at, { there, warn });
    checkConsumer(consumer.config, where);
    consumerWarnings(where.stream, consumer.config, where.subject).forEach(warn);
    (await warningsOfResults(manager, where, stream, consumer)).forEach(warn);
    memory.wasThere = true;
    memory.streamIsOurs = stream.config.description === OURS;
    memory.consumerIsOurs = consumer.config.description === OURS;
    return found(stream, consumer.config);
  } catch (error) {
    throw explained(error, where, memory);
  }
}

/**
 * Makes the stream where messages of this subject are to be put, when there is none of its name. Resolves to null, or to why there is none
 * afterwards, in words. `isAway`: the server did not answer.
 */
export async function makeMissingStream(
  connection: NatsConnection,
  where: Pick<Where, "stream" | "subject">,
  tell: (text: string) => void,
): Promise<{ reason: string; isAway: boolean } | null> {
  try {
    const manager = await jetstreamManager(connection, { checkAPI: false, timeout: REQUEST_MS });
    const memory = { wasThere: false, streamIsOurs: false, consumerIsOurs: false };
    if ((await streamInfo(manager, where)) === null) await makeStream(manager, where, memory, tell);
    return null;
  } catch (error) {
    const trouble = requestTrouble(error);
    if (trouble === null) throw error;
    const reason = trouble.kind === "no-jetstream" ? "the server has no JetStream" : trouble.reason;
    return { reason, isAway: trouble.kind === "away" };
  }
}

/** None when the server does not say who else reads the stream: results are no reason to read no mail. */
async function warningsOfResults(
  manager: JetStreamManager,
  { results }: Where,
  stream: StreamInfo,
  consumer: ConsumerInfo,
): Promise<string[]> {
  if (results === undefined) return [];
  const others: ConsumerConfig[] = [];
  try {
    if (!(await isTaken(manager, results))) return [untakenWarning(results)];
    for await (const { name, config } of manager.consumers.list(stream.config.name))
      if (name !== consumer.name) others.push(config);
  } catch (error) {
    if (requestTrouble(error) === null) throw error;
    return [];
  }
  return resultsWarnings(stream.config, results, { reader: consumer.config, others });
}

async function isTaken(manager: JetStreamManager, subject: string): Promise<boolean> {
  for await (const _name of manager.streams.names(subject)) return true;
  return false;
}

function found(stream: StreamInfo, { ack_wait, max_batch, max_bytes, max_expires }: ConsumerConfig): Found {
  return {
    streamMade: stream.created,
    ackWaitMs: (ack_wait ?? ACK_WAIT_MS * NS) / NS,
    mostMessages: max_batch || Infinity,
    mostBytes: max_bytes || Infinity,
    longestMs: (max_expires || Infinity) / NS,
  };
}

const CODES = { consumerNotFound: 10_014, streamNotFound: 10_059 };

/** Null when the answer is an error with this code. */
async function unless<T>(code: number, answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    const trouble = requestTrouble(error);
    if (trouble?.kind === "refused" && trouble.code === code) return null;
    throw error;
  }
}

/** Looks again after `ms` (0: not) for what is not there. */
async function twice<T>(ms: number, look: () => Promise<T | null>): Promise<T | null> {
  const seen = await look();
  if (seen !== null || ms === 0) return seen;
  await systemClock.sleep(ms);
  return look();
}

const streamInfo = (manager: JetStreamManager, { stream }: Pick<Where, "stream">): Promise<StreamInfo | null> =>
  unless(CODES.streamNotFound, manager.streams.info(stream));

const consumerInfo = (manager: JetStreamManager, { stream, consumer }: Where): Promise<ConsumerInfo | null> =>
  unless(CODES.consumerNotFound, manager.consumers.info(stream, consumer));

async function makeStream(
  manager: JetStreamManager,
  where: Pick<Where, "stream" | "subject">,
  memory: Memory,
  tell: (text: string) => void,
): Promise<StreamInfo> {
  const { stream } = where;
  if (memory.wasThere && !memory.streamIsOurs)
    throw new QueueHalted(`nats: there is no stream ${stream} any more; nothing is read until it is made again`);
  const subjects = [subjectsFor(where)];
  const config = {
    name: stream,
    subjects,
    description: OURS,
    storage: StorageType.File,
    retention: RetentionPolicy.Workqueue,
    discard: DiscardPolicy.New,
    duplicate_window: DUPLICATE_WINDOW_MS * NS,
  };
  const add = () => manager.streams.add(config);
  const { made, isNew } = await makeOrFind(add, () => streamInfo(manager, where));
  if (!isNew) return made;
  tell(`nats: made the stream ${stream} for ${subjects.join(", ")}${memory.wasThere ? " again: it was deleted" : ""}`);
  return made;
}

/**
 * Another process may have been faster. The server says all kinds of things then, such as that subjects overlap: with those of
 * the very stream.
 */
async function makeOrFind<T>(
  make: () => Promise<T>,
  find: () => Promise<T | null>,
): Promise<{ made: T; isNew: boolean }> {
  try {
    return { made: await make(), isNew: true };
  } catch (error) {
    if (requestTrouble(error)?.kind !== "refused") throw error;
    await systemClock.sleep(FASTER_MS);
    const made = await find();
    if (made === null) throw error;
    return { made, isNew: false };
  }
}

/** The ancestors make a stream for all subjects that begin with its name; theirs and ours must be able to meet. */
function subjectsFor({ stream, subject }: Pick<Where, "stream" | "subject">): string {
  const [first, second, ...more] = subject.split(".");
  return first === stream && second !== undefined && more.length === 0 ? `${stream}.*` : subject;
}

/** Where a consumer belongs, and who hears of it. */
interface At {
  where: Where;
  stream: StreamInfo;
  memory: Memory;
  tell: (text: string) => void;
}

/**
 * The consumer that is there, or a new one in its place when it would leave mail unread. A new one brings all that is in the work
 * queue. What somebody has in hand just now is brought again, and recognised as a repeat.
 */
async function replacedIfAhead(
  manager: JetStreamManager,
  at: At,
  { there, warn }: { there: ConsumerInfo; warn: (text: string) => void },
): Promise<ConsumerInfo> {
  const { stream, consumer } = at.where;
  if (!(await isAhead(manager, stream, there))) return there;
  if (there.config.description !== OURS || !(await deleteConsumer(manager, at.where))) {
    warn(aheadWarning(stream, consumer));
    return there;
  }
  const made = await makeConsumer(manager, { ...at, memory: { ...at.memory, wasThere: false } });
  at.tell(
    `nats: made the consumer ${consumer} of stream ${stream} again: it was ahead of the stream, as after a crash`,
  );
  return made;
}

/** Deletes the consumer, unless somebody else has done so. False: the server does not let us. */
async function deleteConsumer(manager: JetStreamManager, { stream, consumer }: Where): Promise<boolean> {
  try {
    await unless(CODES.consumerNotFound, manager.consumers.delete(stream, consumer));
    return true;
  } catch (error) {
    if (requestTrouble(error)?.kind === "refused") return false;
    throw error;
  }
}

async function makeConsumer(manager: JetStreamManager, at: At): Promise<ConsumerInfo> {
  const { where, memory, tell } = at;
  const { stream, consumer, subject } = where;
  if (memory.wasThere && !memory.consumerIsOurs)
    throw new QueueHalted(
      `nats: there is no consumer ${consumer} of stream ${stream} any more; nothing is read until it is made again`,
    );
  const config = {
    durable_name: consumer,
    description: OURS,
    filter_subject: subject,
    deliver_policy: DeliverPolicy.All,
    ack_policy: AckPolicy.Explicit,
    ack_wait: ACK_WAIT_MS * NS,
    max_deliver: -1,
    max_ack_pending: MAX_ACK_PENDING,
  };
  const add = () => manager.consumers.add(stream, config);
  const { made, isNew } = await makeOrFind(add, () => consumerInfo(manager, where));
  if (isNew && memory.wasThere) tell(`nats: made the consumer ${consumer} of stream ${stream} again: it was deleted`);
  return made;
}

/** Refuses a consumer that would lose mail, or that we cannot read. */
function checkConsumer(config: ConsumerConfig, { stream, consumer }: Where): void {
  const name = `nats: consumer ${consumer} of stream ${stream}`;
  const hint = `name another consumer, or delete it and let ses-mail make it: nats consumer rm ${stream} ${consumer}`;
  if (config.deliver_subject) throw new UserError(`${name} is a push consumer; expected a pull consumer`, hint);
  if (config.ack_policy !== AckPolicy.Explicit)
    throw new UserError(`${name} has the ack policy ${config.ack_policy}, which loses mail; expected explicit`, hint);
}

/** What to do about a no of the server, by its code (server/errors.json of nats-server). */
function adviceOn(code: number | null, { stream, subject }: Where): string | null {
  switch (code) {
    case 10_065:
      return `another stream takes ${subject}: name that one with --nats-stream (nats stream ls shows them), or another subject with --nats-subject`;
    case 10_099:
    case 10_100:
      return `a work queue has one consumer for a subject: name that one with --nats-consumer (nats consumer ls ${stream} shows it), or another subject with --nats-subject`;
    case 10_093:
      return `stream ${stream} does not take ${subject}: name a subject of it with --nats-subject (nats stream info ${stream}), or another stream with --nats-stream`;
    default:
      return null;
  }
}

function explained(error: unknown, where: Where, memory: Memory): unknown {
  // What was right at first was changed under us: it may be changed back.
  if (error instanceof UserError && memory.wasThere) return new QueueHalted(error.message, error.hint);
  const trouble = requestTrouble(error);
  if (trouble === null) return error;
  if (trouble.kind === "away") return new QueueUnreachable(`nats: the server does not answer (${trouble.reason})`);
  const [message, hint] =
    trouble.kind === "no-jetstream"
      ? ["nats: the server has no JetStream", "start it with -js, or with jetstream {} in its configuration"]
      : [
          `nats: the server refuses stream ${where.stream} with consumer ${where.consumer}: ${trouble.reason}`,
          adviceOn(trouble.code, where),
        ];
  const passes = memory.wasThere || (trouble.kind === "refused" && trouble.passing);
  return passes ? new QueueHalted(message, hint) : new UserError(message, hint);
}
