/** Inlets into a real store, without a broker. */
import { encodeMail, type NatsMail } from "../../../src/queue/nats/payload.ts";
import type { Delivery } from "../../../src/queue/queue.ts";
import type { Verdict } from "../../../src/queue/consume.ts";
import { createInlet, type InletParts, noCounts } from "../../../src/intake/broker/inlet.ts";
import { readNatsMail } from "../../../src/intake/broker/nats-mail.ts";
import { createJobTemplates, type JobTemplateSources } from "../../../src/intake/broker/job-templates.ts";
import { createRedisReader } from "../../../src/intake/broker/redis-job.ts";
import { createRequestInbox } from "../../../src/intake/inbox.ts";
import type { RequestSurroundings } from "../../../src/intake/request.ts";
import { createTemplateShelf } from "../../../src/intake/templates.ts";
import type { DeadLetter } from "../../../src/store/rows.ts";
import type { Store } from "../../../src/store/store.ts";
import { prepareSqlite } from "../../store/sqlite/bench.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { ENVELOPE } from "../../support/envelope.ts";

export { ENVELOPE } from "../../support/envelope.ts";

export interface NatsDelivered extends Delivery {
  body: Uint8Array;
  extras: string | null;
}

export interface RedisDelivered extends Delivery {
  body: Uint8Array;
  at: number;
  overdue?: string;
}

/** When the jobs of tests were added, ms since the epoch. */
export const ADDED = Date.UTC(2026, 9, 1);

const STREAM = "email:send";

let sequence = 0;

/** The next delivery of a stream of NATS. */
export function mail(given: Partial<NatsMail> = {}, extras: object | string | null = null): NatsDelivered {
  const whole = { uuid: "u1", email: "ann@example.com", subject: "Hello", body: "<p>Hello</p>", ...given };
  const header = extras === null || typeof extras === "string" ? extras : base64url(extras);
  return raw(encodeMail(whole), header);
}

export function raw(body: Uint8Array, extras: string | null = null): NatsDelivered {
  return { id: `messages#${++sequence}`, body, extras };
}

export const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** The next delivery of a stream of Redis. */
export function job(given: object | string = {}, at = ADDED): RedisDelivered {
  const whole = { id: `j${++sequence}`, to: "ann@example.com", template: "news", subject: "Hello" };
  const text = typeof given === "string" ? given : JSON.stringify({ ...whole, ...given });
  return { id: `${STREAM}#${at}-${++sequence}`, body: Buffer.from(text), at };
}

type Change<D extends Delivery> = (parts: InletParts<D>, store: Store) => Partial<InletParts<D>>;

async function bench<D extends Delivery & { body: Uint8Array }>(
  parts: (
    store: Store,
  ) => Pick<InletParts<D>, "source" | "read" | "extrasOf"> & { around?: Partial<RequestSurroundings> },
  change: Change<D>,
) {
  const file = await prepareSqlite();
  const store = await file.open();
  const inbox = createRequestInbox({ store, endpoint: "ses", wake: () => undefined });
  const told: string[] = [];
  const { around, ...own } = parts(store);
  const whole: InletParts<D> = {
    ...own,
    surroundings: () => ({
      now: Date.now(),
      zone: "Asia/Seoul",
      envelope: ENVELOPE,
      tracking: null,
      templates: createTemplateShelf(store),
      knownUuids: (uuids) => store.knownUuids(uuids),
      ...around,
    }),
    inbox,
    store,
    counts: noCounts(),
    clock: new ManualClock(),
    signal: new AbortController().signal,
    onDead: ({ origin, reason }) => void told.push(`${origin}: ${reason}`),
  };
  const changed = { ...whole, ...change(whole, store) };
  const handle = createInlet<D>(changed);
  return {
    store,
    path: file.path,
    /** The dead letters, oldest first. */
    letters: () => lettersIn(store),
    counts: changed.counts,
    told,
    handle,
    /** What became of these deliveries: `done`, or why they are dead. */
    take: async (...deliveries: D[]): Promise<string[]> => (await handle(deliveries)).map(outcome),
  };
}

async function lettersIn(store: Store): Promise<DeadLetter[]> {
  const rows = await store.deadLetters({ before: null, limit: 10_000 });
  const letters = await Promise.all(rows.map(({ id }) => store.deadLetter(id)));
  return letters.filter((letter) => letter !== null).toReversed();
}

const outcome = (verdict: Verdict): string => (verdict.kind === "refused" ? verdict.reason : verdict.kind);

/** An inlet for NATS into a new job file. */
export const natsInlet = (change: Change<NatsDelivered> = () => ({}), options = { reports: true }) =>
  bench<NatsDelivered>(
    () => ({ source: "nats", read: (delivery) => readNatsMail(delivery, options), extrasOf: ({ extras }) => extras }),
    change,
  );

/** An inlet for Redis into a new job file. */
export const redisInlet = (sources: Partial<JobTemplateSources> = {}, change: Change<RedisDelivered> = () => ({})) =>
  bench<RedisDelivered>(
    (store) => ({
      source: "redis",
      read: createRedisReader({ stream: STREAM }),
      extrasOf: () => null,
      around: {
        templates: createJobTemplates({
          store,
          folder: null,
          from: ENVELOPE.from,
          clock: new ManualClock(),
          ...sources,
        }),
      },
    }),
    change,
  );

/** How many dead letters an inlet counts of each class, when it counts these. */
export function dead(counted: Partial<Record<string, number>>): Map<string, number> {
  return new Map(["unreadable", "invalid", "refused", "clash", "bug"].map((name) => [name, counted[name] ?? 0]));
}
