import type { AddressInfo } from "node:net";
import { CreateQueueCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { createSqsServer } from "local-aws-sqs";
import { beforeEach, onTestFinished, vi } from "vitest";
import { createSqsQueue, parseQueueUrl } from "../../src/aws/sqs.ts";
import { refusal, sqsServer } from "../support/sqs-server.ts";
import { brokerContract, type StartBroker } from "./contract.ts";

beforeEach(() => {
  vi.stubEnv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "secret");
});

const open = (url: string) =>
  createSqsQueue({ url: parseQueueUrl(url), region: "us-east-1", endpointFromChain: false });

const startOurs: StartBroker = async ({ patienceMs }) => {
  const server = await sqsServer({ visibilityMs: patienceMs });
  return {
    open: () => open(server.url),
    put: async (...texts) => server.put(...texts),
    goAway: async () => void (server.script = () => refusal(503, "ServiceUnavailable", "later")),
  };
};

/** An emulator that others wrote. It knows whole seconds of patience only. */
const startTheirs: StartBroker = async ({ patienceMs }) => {
  const server = await createSqsServer({ port: 0, hostname: "127.0.0.1" });
  const goAway = async () => {
    server.closeAllConnections();
    server.close();
  };
  onTestFinished(goAway);
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = new SQSClient({ region: "us-east-1", endpoint });
  onTestFinished(() => client.destroy());
  const VisibilityTimeout = String(Math.ceil(patienceMs / 1_000));
  const { QueueUrl = "" } = await client.send(
    new CreateQueueCommand({ QueueName: "mail", Attributes: { VisibilityTimeout } }),
  );
  const url = `${endpoint}${new URL(QueueUrl).pathname}`;
  return {
    open: () => open(url),
    put: async (...texts) => {
      for (const MessageBody of texts) await client.send(new SendMessageCommand({ QueueUrl: url, MessageBody }));
    },
    goAway,
  };
};

brokerContract("SQS", startOurs);
brokerContract("local-aws-sqs", startTheirs);
