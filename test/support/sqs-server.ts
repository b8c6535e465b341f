/** A queue that speaks the JSON protocol of SQS (AWS JSON 1.0) over HTTP, as far as reading one needs it. */
import { createHash, randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

interface Stored {
  id: string;
  body: string;
  receipt: string;
  visibleAt: number;
  receives: number;
}

/** `body`: a text goes as it is, anything else as JSON. */
type Answer = { status: number; body: unknown };
type Call = { operation: string; input: Record<string, unknown>; authorization: string };

export interface SqsServer {
  url: string;
  /** Points a client at it. */
  env: Record<string, string>;
  /** Puts messages in, as they are or as JSON. */
  put(...bodies: unknown[]): void;
  /** Bodies still there, visible or not. */
  left(): string[];
  calls: Call[];
  /** Answers a call instead of the queue; null lets it through. */
  script: (call: Call) => Answer | null;
}

export function refusal(status: number, type: string, message: string): Answer {
  return { status, body: { __type: `com.amazonaws.sqs#${type}`, message } };
}

/** `visibilityMs`: how long a message received is out of sight. An empty receive waits no longer than `waitMs`. */
export async function sqsServer({ visibilityMs = 30_000, waitMs = 50 } = {}): Promise<SqsServer> {
  let stored: Stored[] = [];
  const receive = async ({ MaxNumberOfMessages: most, WaitTimeSeconds: wait }: Record<string, unknown>) => {
    const visible = () => stored.filter((message) => message.visibleAt <= Date.now()).slice(0, Number(most));
    if (visible().length === 0 && Number(wait) > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    const Messages = visible().map((message) => {
      message.receipt = randomUUID();
      message.visibleAt = Date.now() + visibilityMs;
      message.receives++;
      const MD5OfBody = createHash("md5").update(message.body).digest("hex");
      return { MessageId: message.id, ReceiptHandle: message.receipt, Body: message.body, MD5OfBody };
    });
    return { status: 200, body: Messages.length > 0 ? { Messages } : {} };
  };
  const deleteBatch = (input: Record<string, unknown>) => {
    const entries = input["Entries"] as { Id: string; ReceiptHandle: string }[];
    const receipts = new Set(entries.map((entry) => entry.ReceiptHandle));
    stored = stored.filter((message) => !receipts.has(message.receipt));
    return { status: 200, body: { Successful: entries.map(({ Id }) => ({ Id })), Failed: [] } };
  };
  const answer = (call: Call): Answer | Promise<Answer> => {
    if (call.operation === "ReceiveMessage") return receive(call.input);
    if (call.operation === "DeleteMessageBatch") return deleteBatch(call.input);
    return refusal(400, "UnsupportedOperation", call.operation);
  };

  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const call = await readCall(request);
    result.calls.push(call);
    const { status, body } = result.script(call) ?? (await answer(call));
    response
      .writeHead(status, { "content-type": "application/x-amz-json-1.0" })
      .end(typeof body === "string" ? body : JSON.stringify(body));
  };
  // A client that went away in the middle is no concern of the queue.
  const server = createServer((request, response) => void serve(request, response).catch(() => response.destroy()));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/123456789012/ses-events`;
  const result: SqsServer = {
    url,
    env: { SES_MAIL_SQS: url },
    put: (...bodies) => {
      for (const body of bodies) {
        const text = typeof body === "string" ? body : JSON.stringify(body);
        stored.push({ id: randomUUID(), body: text, receipt: "", visibleAt: 0, receives: 0 });
      }
    },
    left: () => stored.map((message) => message.body),
    calls: [],
    script: () => null,
  };
  return result;
}

async function readCall(request: IncomingMessage): Promise<Call> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return {
    operation: String(request.headers["x-amz-target"]).replace("AmazonSQS.", ""),
    input: JSON.parse(Buffer.concat(chunks).toString("utf8")) as Record<string, unknown>,
    authorization: request.headers.authorization ?? "",
  };
}
