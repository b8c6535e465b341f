/** The suppression list SES keeps for the account and region (SES API v2), read and written at the pace SES allows. */
import {
  ListSuppressedDestinationsCommand,
  PutSuppressedDestinationCommand,
  SESv2Client,
  type SESv2ClientConfig,
} from "@aws-sdk/client-sesv2";
import type { Clock } from "../time/clock.ts";
import { InterruptedError, StoppedError } from "../errors.ts";
import { outcomeOf } from "./ses-error.ts";

export type SesSuppressionReason = "BOUNCE" | "COMPLAINT";

interface SesSuppression {
  /** As SES has it: any case. */
  address: string;
  reason: SesSuppressionReason;
}

/**
 * Every call throws `InterruptedError` when the signal aborts, and `StoppedError` (exit 3) when SES does not answer or does
 * not want us to ask.
 */
export interface SesSuppressionList {
  /** All of it, page by page. */
  pages(): AsyncGenerator<SesSuppression[]>;
  /** Resolves to null, or to the reason for which SES refuses this address. An address that is there already is no error. */
  put(entry: SesSuppression): Promise<string | null>;
  close(): void;
}

export interface SesSuppressionOptions {
  /** Undefined: the SDK's own chain. */
  region: string | undefined;
  clock: Clock;
  signal: AbortSignal;
}

/** SES answers one call a second that is not a send call (SES developer guide, "Service quotas", API rate). */
const GAP_MS = 1_000;
const MOST_TRIES = 5;
const ANSWER_MS = 30_000;

export function connectSuppressionList({ region, clock, signal }: SesSuppressionOptions): SesSuppressionList {
  const config: SESv2ClientConfig = {
    // Its own retries would not keep the pace.
    maxAttempts: 1,
    requestHandler: { connectionTimeout: 10_000, requestTimeout: ANSWER_MS, throwOnRequestTimeout: true },
  };
  if (region) config.region = region;
  const client = new SESv2Client(config);
  const paced = pacing(clock, signal);

  /** Reading and putting change nothing when they are done twice, so a lost answer is a reason to try again. */
  const ask = async <T>(call: () => Promise<T>): Promise<T> => {
    for (let tries = 1; ; tries++) {
      try {
        return await paced(call);
      } catch (error) {
        if (error instanceof InterruptedError || isRefusal(error)) throw error;
        if (!mayPass(error) || tries === MOST_TRIES) throw stopped(error);
        await clock.sleep(1_000 * 2 ** tries, signal);
      }
    }
  };

  return {
    async *pages() {
      let token: string | undefined;
      do {
        const command = new ListSuppressedDestinationsCommand(token === undefined ? {} : { NextToken: token });
        const answer = await ask(() => client.send(command, { abortSignal: signal })).catch((error: unknown) => {
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
        await ask(() => client.send(command, { abortSignal: signal }));
        return null;
      } catch (error) {
        if (isRefusal(error)) return error.message;
        throw error;
      }
    },
    close: () => client.destroy(),
  };
}

/** Runs calls one after the other, the next at the earliest a second after the answer to the last. */
function pacing(clock: Clock, signal: AbortSignal) {
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

/** SES does not take this address: one of the mailbox simulator, or none in its eyes. */
function isRefusal(error: unknown): error is Error {
  return error instanceof Error && ["BadRequestException", "ValidationException"].includes(error.name);
}

function mayPass(error: unknown): boolean {
  return ["throttled", "transient", "in_doubt"].includes(outcomeOf(error, "").kind);
}

function stopped(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const outcome = outcomeOf(error, "");
  const reason = "reason" in outcome ? outcome.reason : error.message;
  const hint =
    error.name === "AccessDeniedException"
      ? "allow these credentials ses:ListSuppressedDestinations and ses:PutSuppressedDestination"
      : "hint" in outcome
        ? outcome.hint
        : "run the same command again: what was done is not done twice";
  return new StoppedError(`the suppression list of SES could not be read or written: ${reason}`, hint);
}
