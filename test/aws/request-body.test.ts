import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { SendEmailCommand, SESv2Client } from "@aws-sdk/client-sesv2";
import fc from "../support/properties.ts";
import { afterAll, beforeAll, expect, it } from "vitest";
import { inputOf, requestOf, useOwnBodies } from "../../src/aws/request-body.ts";
import type { RenderedMail } from "../../src/message.ts";

interface Received {
  body: string;
  headers: Record<string, unknown>;
}

let received: Received[] = [];
const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    received.push({ body: Buffer.concat(chunks).toString("utf8"), headers: request.headers });
    response.setHeader("content-type", "application/json");
    response.end('{"MessageId":"m-1"}');
  });
});
let client: SESv2Client;
let plain: SESv2Client;

beforeAll(async () => {
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const config = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: "us-east-1",
    credentials: { accessKeyId: "a", secretAccessKey: "b" },
  };
  [client, plain] = [new SESv2Client(config), new SESv2Client(config)];
  useOwnBodies(client);
});

afterAll(() => {
  client.destroy();
  plain.destroy();
  server.close();
  server.closeAllConnections();
});

const text = fc.string({ unit: "binary", maxLength: 60 });
const pair = fc.record({ name: text, value: text });
const mail: fc.Arbitrary<RenderedMail> = fc.record({
  from: text,
  to: text,
  replyTo: fc.array(text, { maxLength: 2 }),
  subject: text,
  html: text,
  text,
  headers: fc.array(pair, { maxLength: 3 }),
  tags: fc.array(pair, { maxLength: 3 }),
  attachments: fc.array(
    fc.record(
      {
        fileName: text,
        contentType: text,
        data: fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes).toString("base64")),
        contentId: fc.string({ minLength: 1, maxLength: 10 }),
      },
      { requiredKeys: ["fileName", "contentType", "data"] },
    ),
    { maxLength: 2 },
  ),
  configurationSet: fc.option(fc.string({ minLength: 1, maxLength: 10 })),
  tenant: fc.constant("tenant-1"),
});

it("our body and the SDK's say the same, and so do the headers that speak of it", async () => {
  await fc.assert(
    fc.asyncProperty(mail, fc.array(pair, { maxLength: 2 }), async (rendered, tags) => {
      received = [];
      await client.send(new SendEmailCommand(inputOf(rendered, tags)));
      const wire = requestOf(rendered, tags);
      // What the SDK is to be given where the wire has base64: bytes.
      const attachments = rendered.attachments.map((file, i) => ({
        ...wire.Content.Simple.Attachments?.[i],
        FileName: file.fileName,
        RawContent: Buffer.from(file.data, "base64"),
      }));
      const simple = { ...wire.Content.Simple, ...(attachments.length > 0 && { Attachments: attachments }) };
      await plain.send(new SendEmailCommand({ ...wire, Content: { Simple: simple } } as never));
      const [ours, theirs] = received;
      expect(JSON.parse(ours?.body ?? "")).toEqual(JSON.parse(theirs?.body ?? ""));
      expect(ours?.headers["content-type"]).toBe(theirs?.headers["content-type"]);
      for (const one of [ours, theirs])
        expect(one?.headers["content-length"]).toBe(String(Buffer.byteLength(one?.body ?? "")));
      expect(Object.keys(ours?.headers ?? {}).sort()).toEqual(Object.keys(theirs?.headers ?? {}).sort());
    }),
    { numRuns: 60 },
  );
});
