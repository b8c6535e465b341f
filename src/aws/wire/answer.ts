/** Reads answers of SES with the SDK, so that what an error means is decided in one place, whoever made the call. */
import { SendEmailCommand, SESv2Client } from "@aws-sdk/client-sesv2";
import type { Response } from "../http-handler.ts";

/** A signature is good for five minutes; the SDK takes a clock that is wrong by four for the reason of a refusal. */
const WRONG_MS = 240_000;

/** Reads answers. `signedMs`: by how many ms the request was signed ahead of this machine's clock. */
export interface AnswerReader {
  /**
   * The message id of an answer; it may be missing, or no text. Rejects with the SDK's error for any answer but a good one.
   * `clock.told` hears by how many ms the clock of SES is ahead of this machine's, when the answer says so.
   */
  messageId(response: Response, clock: { signedMs: number; told(offsetMs: number): void }): Promise<unknown>;
}

/** Makes a reader. Its client never makes a request. */
export function createAnswerReader(): AnswerReader {
  const client = new SESv2Client({
    region: "us-east-1",
    endpoint: "http://answers.invalid",
    credentials: { accessKeyId: "none", secretAccessKey: "none" },
    maxAttempts: 1,
  });
  return {
    async messageId(response, { signedMs, told }) {
      const command = new SendEmailCommand({ Content: {} });
      command.middlewareStack.add(() => () => Promise.resolve({ response, output: { $metadata: {} } }), {
        step: "deserialize",
        priority: "low",
        name: "sesMailAnswer",
      });
      try {
        const { MessageId: id } = await client.send(command);
        return id;
      } catch (error) {
        if (response.headers["date"] === undefined) throw error;
        const { systemClockOffset: offsetMs } = client.config;
        told(offsetMs);
        // The SDK compares with what it knew when it read the answer, which that to another request may have told it just before.
        const { $metadata } = error as { $metadata?: { clockSkewCorrected?: boolean } };
        if ($metadata && Math.abs(offsetMs - signedMs) >= WRONG_MS) $metadata.clockSkewCorrected = true;
        throw error;
      }
    },
  };
}
