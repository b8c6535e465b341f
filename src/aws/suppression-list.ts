/**
 * Reads and writes the suppression list that SES keeps for the account and region (SES API v2), at the pace SES allows.
 */
import {
  ListSuppressedDestinationsCommand,
  PutSuppressedDestinationCommand,
  SESv2Client,
  type SESv2ClientConfig,
} from "@aws-sdk/client-sesv2";
import type { Clock } from "../time/clock.ts";
import { InterruptedError, StoppedError } from "../errors.ts";
import { type ReadyOptions, sesReady } from "./ready.ts";
import { withinLimit } from "../time/time-limit.ts";
import { createHandler } from "./http-handler.ts";
import { inOneLine } from "./foreign-answer.ts";
import { outcomeOf } from "./ses-error.ts";

/** The only two reasons SES keeps (SES API, SuppressionListReason). */
export type SesSuppressionReason = "BOUNCE" | "COMPLAINT";

interface SesSuppression {
  /** As SES has it, in any case. */
  address: string;
  reason: SesSuppressionReason;
}

/**
 * The list of one account and region. A lost answer or a passing failure is tried five times, with a growing pause.
 * @throws InterruptedError from every call when the signal aborts.
 * @throws StoppedError (exit 3) from every call when SES does not answer or does not allow it.
 */
export interface SesSuppressionList {
  /** Resolves when calls can be made, and makes none. Throws as `sesReady` does. */
  ready(options: ReadyOptions): Promise<void>;
  /** The whole list, page by page. */
  pages(): AsyncGenerator<SesSuppression[]>;
  /**
   * Adds one address. Resolves to null, or to the reason why SES refuses it. An address that is already there is no
   * error.
   */
  put(entry: SesSuppression): Promise<string | null>;
  close(): void;
}

/** Which list, and what may stop the work. */
export interface SesSuppressionOptions {
  /** Undefined leaves it to the SDK's own chain. */
  region: string | undefined;
  clock: Clock;
  signal: AbortSignal;
}

/** SES answers one call a second that does not send (SES developer guide, "Service quotas", API rate). */
const GAP_MS = 1_000;
const MOST_TRIES = 5;
/** For a whole answer; and for one call with its credentials. */
const ANSWER_MS = 30_000;
const CALL_MS = 45_000;

/** Connects to the list; nothing is asked before the first call. */
export function connectSuppressionList({ region, clock, signal }: SesSuppressionOptions): SesSuppressionList {
  const config: SESv2ClientConfig = {
    // The SDK's own retries would not keep the pace.
    maxAttempts: 1,
    requestHandler: createHandler({ maxSockets: 2, exchangeMs: ANSWER_MS }),
  };
  if (region) config.region = region;
  const client = new SESv2Client(config);
  const paced = createPacer(clock, signal);

  /** Reading or adding twice changes nothing, so after a lost answer we try again. */
  const ask = async <T>(call: (until: { abortSignal: AbortSignal }) => Promise<T>): Promise<T> => {
    const limited = () => withinLimit({ ms: CALL_MS, signal }, (abortSignal) => call({ abortSignal }));
    for (let tries = 1; ; tries++) {
      try {
        return await paced(limited);
      } catch (error) {
        if (error instanceof InterruptedError || isRefusal(error)) throw error;
        if (!mayPass(error) || tries === MOST_TRIES) throw stopped(error);
        await clock.sleep(1_000 * 2 ** tries, signal);
      }
    }
  };

  return {
    ready: (ready) => sesReady(client, ready),
    async *pages() {
      let token: string | undefined;
      do {
        const command = new ListSuppressedDestinationsCommand(token === undefined ? {} : { NextToken: token });
        const answer = await ask((until) => client.send(command, until)).catch((error: unknown) => {
          throw isRefusal(error) ? stopped(error) : error;
        });
        yield (answer.SuppressedDestinationSummaries ?? []).flatMap(({ EmailAddress, Reason }) =>
          EmailAddress && (Reason === "BOUNCE" || Reason === "COMPLAINT")
            ? { address: EmailAddress, reason: Reason }
            : [],
        );
        token = answer.NextToken;
      } while (token !== undefined);
    },
    async put({ address, reason }) {
      const command = new PutSuppressedDestinationCommand({ EmailAddress: address, Reason: reason });
      try {
        await ask((until) => client.send(command, until));
        return null;
      } catch (error) {
        if (isRefusal(error)) return inOneLine(error.message);
        throw error;
      }
    },
    close: () => client.destroy(),
  };
}

/** Runs calls that follow each other at least a second apart, counted from the answer to the last one. */
function createPacer(clock: Clock, signal: AbortSignal) {
  let freeAt = -Infinity;
  return async <T>(call: () => Promise<T>): Promise<T> => {
    const wait = freeAt - clock.monotonic();
    if (wait > 0) await clock.sleep(wait, signal);
    if (signal.aborted) throw new InterruptedError();
    try {
      return await call();
    } catch (error) {
      throw signal.aborted ? new InterruptedError() : error;
    } finally {
      freeAt = clock.monotonic() + GAP_MS;
    }
  };
}

/** SES does not take this address: it belongs to the mailbox simulator, or SES does not think it is valid. */
function isRefusal(error: unknown): error is Error {
  return error instanceof Error && ["BadRequestException", "ValidationException"].includes(error.name);
}

function mayPass(error: unknown): boolean {
  return ["throttled", "transient", "in_doubt"].includes(outcomeOf(error, "").kind);
}

function stopped(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const outcome = outcomeOf(error, "");
  const reason = "reason" in outcome ? outcome.reason : inOneLine(error.message);
  const hint =
    error.name === "AccessDeniedException"
      ? "allow these credentials ses:ListSuppressedDestinations and ses:PutSuppressedDestination"
      : "hint" in outcome
        ? outcome.hint
        : "run the same command again: what was done is not done twice";
  return new StoppedError(`the suppression list of SES could not be read or written: ${reason}`, hint);
}
