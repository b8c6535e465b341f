/** Opens what a service works with: the client for SES, and the store. */
import type { Ses } from "../../aws/ses.ts";
import { AwayError, InterruptedError } from "../../errors.ts";
import type { Store, Waiting } from "../../store/store.ts";
import type { Context, OpenOptions } from "../context.ts";
import { type EndpointFlags, openSes } from "../endpoint.ts";

/** A server that is away when we start is asked again so often. */
const AGAIN_MS = 1_000;

/** How a service is opened. */
export interface Opening extends OpenOptions {
  /** Gets what people should know before there is a log. */
  tell: (text: string) => void;
  /** False: nothing goes to SES from here, so its settings may be missing. Default true. */
  usesSes?: boolean;
  /** Called before a store is made. What it throws leaves nothing behind. */
  beforeMaking?: () => void;
  /** Called with the open store. It may throw what is wrong with it. */
  check?: (store: Store) => Promise<void>;
}

/** The client for SES, null for the sandbox and where SES is not used, and the store, which can be written. */
export interface Service {
  ses: Ses | null;
  store: Store;
}

/**
 * Opens both, so that a missing setting leaves no store behind. A server that is away is waited for until a signal.
 * @throws UserError when one of them cannot be used, and InterruptedError after a signal.
 */
export async function openService(context: Context, flags: EndpointFlags, opening: Opening): Promise<Service> {
  const { storeExists } = await import("../../store/open.ts");
  const {
    globals: { db },
    io: { env, signal },
  } = context;
  if (await whenReached(context, opening, (onWait) => storeExists(db, env, { signal, onWait }))) {
    const store = await openChecked(context, opening);
    return { store, ses: await openClient(context, flags, opening) };
  }
  opening.beforeMaking?.();
  const ses = await openClient(context, flags, opening);
  return { ses, store: await openChecked(context, opening) };
}

async function openClient(context: Context, flags: EndpointFlags, { usesSes = true }: Opening): Promise<Ses | null> {
  return usesSes ? openSes(context, flags) : null;
}

async function openChecked(context: Context, opening: Opening): Promise<Store> {
  const store = await whenReached(context, opening, () => context.openStore(opening));
  await whenReached(context, opening, async () => {
    await opening.check?.(store);
    // A store that cannot be written must be an error now, not at the first mail.
    await store.ping();
  });
  return store;
}

/** Asks until the store can be reached. Says once that it cannot. */
async function whenReached<T>(
  { io: { clock, signal } }: Pick<Context, "io">,
  { tell }: Pick<Opening, "tell">,
  ask: (onWait: Waiting["onWait"]) => Promise<T>,
): Promise<T> {
  let isTold = false;
  const onWait = (_: number, trouble?: string) => {
    if (!isTold && trouble !== undefined) tell(`${trouble}; it is tried again until it answers`);
    isTold ||= trouble !== undefined;
  };
  for (;;) {
    try {
      return await ask(onWait);
    } catch (error) {
      if (!(error instanceof AwayError)) throw error;
      onWait(0, error.message);
      await clock.sleep(AGAIN_MS, signal);
      if (signal.aborted) throw new InterruptedError();
    }
  }
}
