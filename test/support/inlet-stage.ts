/** Workers that take mail in from a broker into one job, another that sends it, and SES as the sandbox plays it. */
import { expect } from "vitest";
import { type BrokerName, type BrokerOptions, type InletBroker, mailboxes, startBroker } from "./inlet-brokers.ts";
import { run, type Json, type Running, start, until, workFolder } from "./run.ts";
import { type SesServer, sesServer } from "./ses-server.ts";

export interface Stage {
  broker: InletBroker;
  ses: SesServer;
  folder: string;
  /** Starts one that only takes in, from the broker or from what stands in front of it. */
  intake(port?: number): Running;
  /** Starts a worker, and waits until it works. It only sends what is in the job, unless options say more. */
  work(...options: string[]): Promise<Running>;
  /** How many mails are in the job. */
  stored(): Promise<number>;
  /** The dead letters. */
  dead(): Promise<{ origin: string; times: number; reason: string }[]>;
  /** Waits until so many mails were received and nothing waits in the broker, and expects that each came once and is sent. */
  expectEachOnce(count: number): Promise<void>;
}

const FROM = ["--from", "Shop <shop@example.com>"];

/** Starts a broker and SES. `env`: where the job is; default: as the tests have it. */
export async function stage(
  name: BrokerName,
  options: BrokerOptions & { env?: Record<string, string> } = {},
): Promise<Stage> {
  const folder = await workFolder();
  const ses = await sesServer(folder);
  const broker = await startBroker(name, options);
  const env = { ...ses.env, ...options.env };
  const begin = (args: string[]) => start(folder, ["work", ...FROM, ...args], { env });
  const ask = async (...args: string[]): Promise<Json> => (await run(folder, [...args, "--json"], { env })).json;
  const totals = async () => (await ask("stats")).topics as Json[];
  const sum = (topics: Json[], state: string): number => topics.reduce((all, topic) => all + topic[state], 0);
  return {
    broker,
    ses,
    folder,
    intake: (port) => begin(["--no-send", ...broker.options(port)]),
    async work(...more) {
      const worker = begin(["--rate", "500", ...more]);
      await ready(worker);
      return worker;
    },
    stored: async () => sum(await totals(), "total"),
    dead: async () => (await ask("dead")).dead,
    async expectEachOnce(count) {
      await until(() => ses.received().length >= count, "all mail");
      await until(() => broker.isDone(), "the acknowledgements");
      await until(async () => sum(await totals(), "sent") === count, "the job to know of it");
      expect(ses.received().toSorted()).toEqual(mailboxes(0, count).toSorted());
      expect(sum(await totals(), "total")).toBe(count);
    },
  };
}

/** Waits until a worker works. */
export async function ready(worker: Running): Promise<void> {
  const isReady = () => /^working on /m.test(worker.stderr());
  await until(() => isReady() || worker.child.exitCode !== null, "the worker to be ready");
  expect({ isReady: isReady(), stderr: worker.stderr() }).toMatchObject({ isReady: true });
}

/** What a worker that has ended says it took in. */
export function takenIn({ stderr }: Running): { accepted: number; duplicates: number; dead: number } {
  const line = stderr().match(/^\{.*"accepted":.*\}$/m)?.[0] ?? "{}";
  return { accepted: 0, duplicates: 0, dead: 0, ...JSON.parse(line) };
}

/** Ends it as kill -9 does, and waits for that. */
export async function killed(worker: Running): Promise<void> {
  worker.kill("SIGKILL");
  expect((await worker.finished).signal).toBe("SIGKILL");
}
