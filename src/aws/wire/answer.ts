/** Reads answers of SES with the SDK, so that what an error means is decided in one place, whoever made the call. */
import { SendEmailCommand, SESv2Client } from "@aws-sdk/client-sesv2";
import type { Response } from "../http-handler.ts";

/** Reads answers, one by one. */
export interface AnswerReader {
  /**
   * The message id of an answer; it may be missing, or no text. Rejects with the SDK's error for any answer but a good one.
   * `told` hears by how many ms the clock of SES is ahead of this machine's, when the answer says so.
   */
  messageId(response: Response, told: (offsetMs: number) => void): Promise<unknown>;
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
    async messageId(response, told) {
      const command = new SendEmailCommand({ Content: {} });
      command.middlewareStack.add(() => () => Promise.resolve({ response, output: { $metadata: {} } }), {
        step: "deserialize",
        priority: "low",
        name: "sesMailAnswer",
      });
      try {
        const { MessageId: id } = await client.send(command);
        return id;
      } finally {
        if (response.headers["date"] !== undefined) told(client.config.systemClockOffset);
      }
    },
  };
}
