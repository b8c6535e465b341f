/** A dead letter that a gateway takes in again, whose template is in Redis. */
import { expect, it } from "vitest";
import { InterruptedError } from "../../../src/errors.ts";
import { createRequestInbox } from "../../../src/intake/inbox.ts";
import { QueueUnreachable } from "../../../src/queue/queue.ts";
import type { Redis } from "../../../src/queue/redis/redis.ts";
import { systemClock } from "../../../src/time/clock.ts";
import { createRetryDead } from "../../../src/work/dead/retry-one.ts";
import { ENVELOPE } from "../../intake/broker/bench.ts";
import { prepareSqlite } from "../../store/sqlite/bench.ts";
import { deadLetter } from "../../support/dead-letters.ts";

const JOB = { id: "j1", to: "ann@example.com", subject: "Hi", template: "welcome" };
const LETTER = deadLetter(JSON.stringify(JOB), { source: "redis", origin: "email:send#1700000000000-0" });

/** A store with one letter, and what takes it in again with these templates. */
async function gatewayWith(template: Redis["template"]) {
  const store = await (await prepareSqlite()).open();
  await store.keepDead([LETTER]);
  const redis = { template, isConnected: () => false } as unknown as Redis;
  const retry = createRetryDead({
    store,
    inbox: createRequestInbox({ store, endpoint: "ses", wake: () => undefined }),
    clock: systemClock,
    settings: { envelope: ENVELOPE, tracking: null },
    brokers: { nats: null, redis: null },
    connections: { nats: null, redis },
  });
  return { store, retry };
}

it("is taken in with that template", async () => {
  const { store, retry } = await gatewayWith(async (name) => (name === "welcome" ? "<p>Hi</p>" : null));
  expect(await retry(1)).toBe("accepted");
  expect(await store.countDead()).toBe(0);
});

it("is left as it is when Redis is away, and nobody is told that there is no template", async () => {
  const { store, retry } = await gatewayWith(() => Promise.reject(new QueueUnreachable("it is away")));
  await expect(retry(1)).rejects.toThrow(InterruptedError);
  expect(await store.deadLetters({ before: null, limit: 9 })).toMatchObject([{ times: 1, reason: LETTER.reason }]);
});
