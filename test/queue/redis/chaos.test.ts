/** Workers on a Redis that is killed and cut off again and again: everything is accepted, and nothing is left. */
import { expect, it } from "vitest";
import { consume, type Handler } from "../../../src/queue/consume.ts";
import type { RedisDelivery } from "../../../src/queue/redis/redis.ts";
import { systemClock } from "../../../src/time/clock.ts";
import { requireServers } from "../../support/servers.ts";
import { strikingProxy } from "../../support/striking-proxy.ts";
import { add, insist, pending, server, STREAM, textOf, worker } from "./worker.ts";

const JOBS = 600;

it.skipIf(requireServers("redis"))(
  "nothing is lost while connections are cut and Redis is killed",
  async () => {
    const redis = await server({ appendOnly: true });
    const proxy = await strikingProxy(redis.port);
    const accepted = new Set<string>();
    const refused = new Set<string>();
    const stop = new AbortController();
    const handle: Handler<RedisDelivery> = async (deliveries) =>
      deliveries.map((delivery, index) => {
        const text = textOf(delivery);
        if (text.startsWith("poison")) return (refused.add(text), { kind: "refused", reason: "poison" });
        if (index % 50 === 49) return { kind: "later", afterMs: 50 };
        return (accepted.add(text), { kind: "done" });
      });
    const clock = { sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms / 50, signal) };
    const run = async (port: number) => {
      const { stream } = await worker(`redis://127.0.0.1:${port}`, { idleMs: 200, mostDeliveries: 1_000 });
      const options = { signal: stop.signal, clock, once: false, max: null };
      return consume(stream, handle, { ...options, onRetry: () => undefined, onIdle: async () => undefined });
    };
    const ends = [run(proxy.port), run(proxy.port)];

    const texts = Array.from({ length: JOBS }, (_, n) => (n % 60 === 0 ? `poison ${n}` : `m${n}`));
    for (let at = 0; at < JOBS; at += 50) {
      await insist(() => add(redis, ...texts.slice(at, at + 50)));
      if (at % 200 === 0) await redis.restart();
      else if (at % 100 === 0) void proxy.strike("XACK", "done");
      else proxy.cut();
    }
    const all = texts.filter((text) => !text.startsWith("poison"));
    await expect.poll(() => accepted.size, { timeout: 60_000 }).toBe(all.length);
    await expect.poll(() => pending(redis), { timeout: 60_000 }).toBe(0);
    expect(await redis.ask("XLEN", STREAM)).toBe(0);
    const letters = (await redis.ask("XRANGE", `${STREAM}:dlq`, "-", "+")) as [string, string[]][];
    expect(new Set(letters.map(([, fields]) => fields.at(-1)))).toEqual(refused);
    expect(refused.size).toBe(JOBS / 60);
    stop.abort("SIGTERM");
    expect(await Promise.all(ends)).toEqual(["interrupted", "interrupted"]);
  },
  180_000,
);
