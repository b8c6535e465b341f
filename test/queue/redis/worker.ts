/** Workers of the tests of Redis, and the producers they have. */
import { onTestFinished } from "vitest";
import { type Delivery, type Queue, QueueUnreachable } from "../../../src/queue/queue.ts";
import { openRedis, type Redis } from "../../../src/queue/redis/redis.ts";
import { type RedisOptions, type RedisServer, startRedis } from "../../support/redis.ts";

export const STREAM = "email:send";
export const GROUP = "email:workers";
export const GOES_ON = new AbortController().signal;

/** A server that ends with the test. */
export async function server(options: RedisOptions = {}): Promise<RedisServer> {
  const started = await startRedis(options);
  onTestFinished(() => started.stop());
  return started;
}

export interface Opening {
  stream?: string;
  consumer?: string;
  mostDeliveries?: number;
  idleMs?: number;
  sweepMs?: number;
  forgetMs?: number;
}

export interface Worker extends Redis {
  /** What it told so far. */
  told: string[];
}

let opened = 0;

/** A worker with a name of its own, closed with the test. It looks for what others leave all the time, as soon as `idleMs` is over. */
export async function worker(url: string, options: Opening = {}): Promise<Worker> {
  const { stream = STREAM, consumer = `here-${++opened}`, mostDeliveries = 5 } = options;
  const { idleMs = 60_000, sweepMs = 10, forgetMs = 86_400_000 } = options;
  const told: string[] = [];
  const settings = { url, stream, group: GROUP, consumer, mostDeliveries };
  const redis = await openRedis(settings, (text) => told.push(text), { idleMs, sweepMs, forgetMs });
  onTestFinished(() => redis.close());
  return { ...redis, told };
}

/** Everything that comes until there are `count`. */
export async function receive<D extends Delivery>(queue: Queue<D>, count = 1): Promise<D[]> {
  const got: D[] = [];
  while (got.length < count) got.push(...(await queue.receive(queue.mostPerCall, 500, GOES_ON)));
  return got;
}

/** Calls again what fails because Redis is away, until it works. */
export async function insist<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof QueueUnreachable)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

export const textOf = ({ body }: Delivery): string => Buffer.from(body).toString();
export const jsonOf = (delivery: Delivery): unknown => JSON.parse(textOf(delivery));

/** Adds entries that have only `data`. */
export const add = (to: RedisServer, ...texts: string[]): Promise<void> =>
  to.askEach(texts.map((text) => ["XADD", STREAM, "*", "data", text]));

/** How many entries the group has given out that nobody has acknowledged. */
export async function pending(of: RedisServer): Promise<unknown> {
  return ((await of.ask("XPENDING", STREAM, GROUP)) as unknown[])[0];
}
