/** What every inlet is made of: queues, how their deliveries are read, and the loops that take them in. */
import type { FastifyBaseLogger } from "fastify";
import type { ReadDelivery } from "../../intake/broker/asked.ts";
import { createInlet, type InletCounts } from "../../intake/broker/inlet.ts";
import { TELL_MS } from "../../intake/broker/patience.ts";
import type { TakenMail } from "../../intake/broker/taking.ts";
import type { RequestInbox } from "../../intake/inbox.ts";
import type { RequestSurroundings } from "../../intake/request.ts";
import type { TemplateShelf } from "../../intake/templates.ts";
import type { Delivery, Queue } from "../../queue/queue.ts";
import type { InletStatus, ToldCounts } from "../../serve/gateway.ts";
import type { NewDeadLetter } from "../../store/rows.ts";
import type { Store } from "../../store/store.ts";
import type { Clock } from "../../time/clock.ts";
import type { Connections } from "./connections.ts";
import type { BrokerSettings } from "./settings.ts";
import type { Gate } from "./inlet-gate.ts";
import { runInlet } from "./inlet-loop.ts";
import type { IncomingSettings } from "../incoming.ts";

/** What inlets work with. */
export interface InletsParts {
  brokers: BrokerSettings;
  connections: Connections;
  incoming: IncomingSettings;
  store: Store;
  inbox: RequestInbox;
  clock: Clock;
  log: FastifyBaseLogger;
  /** Whether this process sends, too. */
  sends: boolean;
  /** Hears of an error that is a bug. Whatever it ended is begun again. */
  onBug: (error: unknown) => void;
  /** Ends the loops: what is being taken in is still stored and acknowledged. A loop that cannot work at all aborts it, too. */
  stop: AbortController;
}

/** One broker from which mail is taken in. */
export interface Inlet {
  state(): InletStatus;
  /** Starts its loops. They end when `stop` aborts. */
  run(): Promise<void>[];
}

/** What inlets are made with. */
export interface Making extends InletsParts {
  gate: Gate;
  onDead: (letter: Pick<NewDeadLetter, "source" | "origin" | "reason">) => void;
}

/** One queue of an inlet. */
export interface InletQueue<D extends Delivery> {
  source: "nats" | "redis";
  /** Added to; several queues may share it. */
  counts: InletCounts;
  queue: Queue<D>;
  read: ReadDelivery<D>;
  /** What came beside the body, to be kept with a dead letter; null: nothing. */
  extrasOf(delivery: D): string | null;
  /** Where the templates are that its mails name. */
  templates: TemplateShelf;
  /** As in `runInlet`. */
  lanes?: number;
  /** Called with mails that are in the store, since now or since long, before they are acknowledged. */
  onStored?(taken: readonly TakenMail[]): Promise<void>;
}

/** Reads one queue until `stop` aborts. Rejects as `runInlet` does. */
export function readQueue<D extends Delivery & { readonly body: Uint8Array }>(
  making: Making,
  { queue, templates, lanes = 1, onStored, ...reading }: InletQueue<D>,
): Promise<void> {
  const { store, inbox, clock, log, gate, onBug, onDead, stop } = making;
  const { source, counts, read, extrasOf } = reading;
  const { signal } = stop;
  const handle = createInlet<D>({
    source,
    read,
    extrasOf,
    inbox,
    store,
    counts,
    clock,
    signal,
    onDead,
    surroundings: () => surroundingsOf(making, templates),
    ...(onStored && { onStored }),
    onTrouble: troubleTeller(source, log, clock),
  });
  return runInlet({ name: source, queue, handle, gate, clock, log, onBug, lanes }, stop);
}

/** Makes what tells every three minutes that mail waits, and once that it is taken in again, whichever lane says so. */
export function troubleTeller(
  source: string,
  log: Pick<FastifyBaseLogger, "info" | "warn">,
  clock: Pick<Clock, "monotonic">,
): (reason: string | null) => void {
  let toldAt: number | null = null;
  return (reason) => {
    if (reason === null) {
      if (toldAt !== null) log.info(`${source}: mail is taken in again`);
      toldAt = null;
    } else if (toldAt === null || clock.monotonic() - toldAt >= TELL_MS) {
      log.warn(`${source}: what came waits, and is taken in later: ${reason}`);
      toldAt = clock.monotonic();
    }
  };
}

/** What an inlet did, as it is told. What is suppressed was taken in, too. */
export function toldCounts({ accepted, suppressed, duplicates, dead }: InletCounts): ToldCounts {
  return { accepted: accepted + suppressed, duplicates, dead };
}

function surroundingsOf({ incoming, store, clock }: Making, templates: TemplateShelf): RequestSurroundings {
  const { envelope, tracking } = incoming;
  const knownUuids = (uuids: readonly string[]) => store.knownUuids(uuids);
  return { now: clock.now(), zone: null, envelope, tracking, templates, knownUuids };
}
