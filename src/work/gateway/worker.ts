/** A worker: it keeps sending what falls due, as the gateway does, and has no HTTP. */
import type { FastifyBaseLogger } from "fastify";
import type { Context } from "../context.ts";
import { EXIT, exitCodeOf, UserError } from "../../errors.ts";
import { printable } from "../../printable.ts";
import { createLog } from "../../serve/request-log.ts";
import { displayed } from "../../store/address.ts";
import type { Store } from "../../store/store.ts";
import { startTelemetry } from "../../telemetry/start.ts";
import type { Telemetry } from "../../telemetry/telemetry.ts";
import { topicByTag } from "../endpoint.ts";
import { rehearsalEvents } from "../rehearsal-events.ts";
import { levelOf, listenerOf, startChores } from "./chores.ts";
import { openService } from "./open.ts";
import { prepareSending, readScope, type Sending } from "./sending.ts";
import type { ServiceFlags } from "./settings.ts";

/** How often the events of a rehearsal are applied. */
const EVENTS_MS = 1_000;

/** Options of `work`. */
export interface WorkFlags extends ServiceFlags {
  /** False (`--no-send`): only take mail in. */
  send: boolean;
}

/**
 * Runs a worker. Resolves to the exit code when a signal came and everything in flight is answered and written. Throws `UserError`
 * for options that cannot be used.
 */
export async function runWorker(context: Context, flags: WorkFlags): Promise<number> {
  const { io, version } = context;
  if (!flags.send) throw nothingToDo();
  const scope = readScope(flags.sandbox ? "sandbox" : "ses", flags);
  const log = createLog(io.stderr, levelOf(context));
  const tell = (text: string) => log.warn(text);
  const listener = listenerOf(log);
  const { store, ses } = await openService(context, flags, { tell, onRecovered: listener.onRecovered });
  const telemetry = await startTelemetry(io.env, { version, onNotice: tell });
  context.onExit(() => telemetry.close());
  const events = rehearsalEvents(store, ({ message }) =>
    tell(
      `the events of the sandbox could not be taken in, so the figures of this rehearsal are not complete: ${message}`,
    ),
  );
  const rehearsing = { sink: events, topicOf: topicByTag(store) };
  const applying = setInterval(() => events.flush(), EVENTS_MS);
  try {
    const sending = await prepareSending(context, { store, ses, rehearsing, scope, flags, tell });
    await runSending(context, { sending, store, telemetry, log });
    await sending.connection.sandbox?.close();
  } catch (error) {
    if (!(error instanceof UserError)) telemetry.captureError(error, { crash: true });
    throw error;
  } finally {
    clearInterval(applying);
  }
  // After a second signal what was in flight is left behind, in doubt.
  return io.hardSignal.aborted ? exitCodeOf(io.signal) : EXIT.done;
}

interface Running {
  sending: Sending;
  store: Store;
  telemetry: Telemetry;
  log: FastifyBaseLogger;
}

async function runSending(context: Context, { sending, store, telemetry, log }: Running): Promise<void> {
  const { sender, account } = sending;
  const { clock } = context.io;
  const endChores = startChores({ store, sender, clock }, account, telemetry, log);
  const announce = announcement(context, store);
  try {
    await sender.run({ ...listenerOf(log), onProgress: () => announce(log) });
  } finally {
    await endChores();
  }
}

/** Writes the ready line once, when the first turn has put this process among the others. */
function announcement({ io, globals }: Context, store: Store): (log: FastifyBaseLogger) => void {
  let isUnderWay = false;
  const write = async () => {
    const { workers, rate } = await store.workers();
    const place = 1 + workers.findIndex(({ isMe }) => isMe);
    // No turn was written yet, for example because the store is away.
    if (place === 0) return false;
    const perSecond = Math.round(100 * (rate.perSecond ?? 0)) / 100;
    const where = printable(displayed(globals.db));
    io.stderr.write(`working on ${where} as ${place} of ${workers.length}; rate ${perSecond}/s shared\n`);
    return true;
  };
  return (log) => {
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

function nothingToDo(): UserError {
  return new UserError(
    "work --no-send has nothing to do: no broker is given to take mail in from",
    "leave --no-send out to send what falls due",
  );
}
