/** A worker: it keeps sending what falls due and takes mail in from brokers, as the gateway does, and has no HTTP. */
import type { FastifyBaseLogger } from "fastify";
import type { Context } from "../context.ts";
import { EXIT, exitCodeOf, UserError } from "../../errors.ts";
import { createRequestInbox } from "../../intake/inbox.ts";
import { printable } from "../../printable.ts";
import { createLog } from "../../serve/request-log.ts";
import { displayed } from "../../store/address.ts";
import { startTelemetry } from "../../telemetry/start.ts";
import type { Telemetry } from "../../telemetry/telemetry.ts";
import { topicByTag } from "../endpoint.ts";
import { rehearsalEvents } from "../rehearsal-events.ts";
import { connectBrokers, type Connections } from "../brokers/connections.ts";
import { brokerNames, type BrokerSettings, hasInlet, inletNames, readBrokers } from "../brokers/settings.ts";
import { type HoldingScope, levelOf, listenerOf, startChores, startIntakeChores } from "./chores.ts";
import { createInlets, type Inlets } from "../brokers/inlets.ts";
import { openService, type Service } from "./open.ts";
import { setAsideText } from "../set-aside.ts";
import { prepareSending, readScope } from "./sending.ts";
import { bugLog, tellBrokers } from "./service-log.ts";
import { type IncomingFlags, type IncomingSettings, readIncoming } from "../incoming.ts";
import type { ServiceFlags } from "./settings.ts";
import { runTogether, stopWith } from "./together.ts";
import { openOutlet } from "../brokers/open-outlet.ts";

/** How often the events of a rehearsal are applied. */
const EVENTS_MS = 1_000;

/** Options of `work`. */
export interface WorkFlags extends ServiceFlags, IncomingFlags {
  /** False (`--no-send`): only take mail in. */
  send: boolean;
}

/**
 * Runs a worker. Resolves to the exit code when a signal came and everything in flight is answered and written. Throws `UserError`
 * for options that cannot be used.
 */
export async function runWorker(context: Context, flags: WorkFlags): Promise<number> {
  const { io, version } = context;
  const brokers = await readBrokers(io, flags);
  if (!flags.send && !hasInlet(brokers)) throw nothingToDo();
  const incoming = readIncoming(flags);
  const scope = readScope(flags.sandbox ? "sandbox" : "ses", flags);
  const log = createLog(io.stderr, levelOf(context));
  const tell = (text: string) => log.warn(text);
  tellBrokers(log, flags, brokers);
  const connections = await connectBrokers(context, brokers, tell);
  const { onRecovered } = listenerOf(log);
  const { store, ses } = await openService(context, flags, {
    tell,
    onRecovered,
    usesSes: flags.send && brokers.outlet === null,
  });
  const telemetry = await startTelemetry(io.env, { version, onNotice: tell });
  context.onExit(() => telemetry.close());
  const work = { context, flags, brokers, connections, incoming, scope, store, ses, telemetry, log };
  try {
    await (flags.send ? runSending(work) : runIntake(work));
  } catch (error) {
    if (!(error instanceof UserError)) telemetry.captureError(error, { crash: true });
    throw error;
  }
  // After a second signal what was in flight is left behind, in doubt.
  return io.hardSignal.aborted ? exitCodeOf(io.signal) : EXIT.done;
}

/** All that a worker works with. */
interface Work extends Service {
  context: Context;
  flags: WorkFlags;
  brokers: BrokerSettings;
  connections: Connections;
  incoming: IncomingSettings;
  scope: HoldingScope;
  telemetry: Telemetry;
  log: FastifyBaseLogger;
}

/** Sends, and takes mail in when there is an inlet. */
async function runSending(work: Work): Promise<void> {
  const { context, store, ses, scope, flags, brokers, connections, telemetry, log } = work;
  const { clock, hardSignal } = context.io;
  const stop = stopWith(context.io.signal);
  const tell = (text: string) => log.warn(text);
  const events = rehearsalEvents(store, ({ message }) =>
    tell(
      `the events of the sandbox could not be taken in, so the figures of this rehearsal are not complete: ${message}`,
    ),
  );
  const applying = setInterval(() => events.flush(), EVENTS_MS);
  try {
    const stoppable = { ...context, io: { ...context.io, signal: stop.signal } };
    const rehearsing = { sink: events, topicOf: topicByTag(store) };
    const outlet = await openOutlet(brokers, connections, { store, clock });
    const sending = await prepareSending(stoppable, { store, ses, outlet, rehearsing, scope, flags, tell });
    const { sender, account, sandbox } = sending;
    const inlets = await inletsOf(work, stop, () => sender.wake());
    const endChores = startChores({ store, sender, clock }, account, telemetry, log);
    const announce = announcement(work);
    try {
      const onProgress = () => {
        announce();
        inlets.wake();
      };
      await runTogether(sender.run({ ...listenerOf(log), onProgress }), inlets, { stop, hardSignal });
    } finally {
      await endChores();
    }
    await sandbox?.close();
  } finally {
    clearInterval(applying);
  }
}

/** Takes mail in only. Others send it. */
async function runIntake(work: Work): Promise<void> {
  const { signal, hardSignal } = work.context.io;
  const stop = stopWith(signal);
  const inlets = await inletsOf(work, stop, () => undefined);
  work.context.io.stderr.write(
    `working on ${placeOf(work)}; ${[...inletNames(work.brokers), "others send"].join("; ")}\n`,
  );
  const endChores = startIntakeChores(work.store, work.log);
  try {
    await runTogether(Promise.resolve(), inlets, { stop, hardSignal });
  } finally {
    await endChores();
  }
}

function inletsOf(work: Work, stop: AbortController, wake: () => void): Promise<Inlets> {
  const { context, flags, store, log, telemetry } = work;
  const inbox = createRequestInbox({
    store,
    endpoint: flags.sandbox ? "sandbox" : "ses",
    wake,
    onSetAside: (setAside) => log.warn(setAsideText(setAside)),
  });
  const onBug = bugLog(log, telemetry);
  return createInlets({ ...work, sends: flags.send, inbox, clock: context.io.clock, onBug, stop });
}

/** Writes the ready line once, when the first turn has put this process among the others. */
function announcement(work: Work): () => void {
  const { context, brokers, store, log } = work;
  let isUnderWay = false;
  const write = async () => {
    const { workers, rate } = await store.workers();
    const place = 1 + workers.findIndex(({ isMe }) => isMe);
    // No turn was written yet, for example because the store is away.
    if (place === 0) return false;
    const perSecond = Math.round(100 * (rate.perSecond ?? 0)) / 100;
    const parts = [
      `working on ${placeOf(work)} as ${place} of ${workers.length}`,
      ...brokerNames(brokers),
      `rate ${perSecond}/s shared`,
    ];
    context.io.stderr.write(`${parts.join("; ")}\n`);
    return true;
  };
  return () => {
    if (isUnderWay) return;
    isUnderWay = true;
    write().then(
      (isWritten) => (isUnderWay = isWritten),
      (error: unknown) => {
        isUnderWay = false;
        log.debug({ err: error }, "the workers could not be counted; they are counted again");
      },
    );
  };
}

function placeOf({ context }: Pick<Work, "context">): string {
  return printable(displayed(context.globals.db));
}

function nothingToDo(): UserError {
  return new UserError(
    "work --no-send has nothing to do: no broker is given to take mail in from",
    "name one with --nats or --redis, or leave --no-send out to send what falls due",
  );
}
