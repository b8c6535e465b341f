/** The first status of a job of Redis, which must never hold its mail up. */
import { expect, it } from "vitest";
import type { AskedMail } from "../../../src/intake/broker/asked.ts";
import type { TakenMail } from "../../../src/intake/broker/taking.ts";
import { QueueUnreachable } from "../../../src/queue/queue.ts";
import type { Status } from "../../../src/queue/redis/telling.ts";
import { notePending } from "../../../src/work/brokers/note-pending.ts";

function taken(name: string | null, outcome: TakenMail["outcome"] = "accepted"): TakenMail {
  const asked: AskedMail = {
    kind: "asked",
    via: "redis",
    message: {},
    uuid: "u",
    reports: name === null ? null : { via: "redis", name },
    placeOf: (path) => path,
    isSame: () => true,
  };
  return { asked, outcome };
}

/** What is set, and which bugs are told, when `setStatus` does this. */
async function noted(
  mails: readonly TakenMail[],
  { setStatus = async () => undefined, isConnected = true }: { setStatus?: () => Promise<void>; isConnected?: boolean },
) {
  const set: Status[] = [];
  const bugs: unknown[] = [];
  const redis = {
    isConnected: () => isConnected,
    setStatus: (statuses: readonly Status[]) => (set.push(...statuses), setStatus()),
  };
  await notePending(redis, mails, (error) => void bugs.push(error));
  return { set, bugs };
}

it("is set for jobs that are new, unless there is one already", async () => {
  const { set } = await noted([taken("a"), taken("b", "duplicate"), taken("c", "suppressed"), taken(null)], {});
  expect(set).toEqual([{ id: "a", state: "pending", onlyNew: true }]);
});

it("is left out while Redis is away", async () => {
  expect(await noted([taken("a")], { isConnected: false })).toEqual({ set: [], bugs: [] });
});

it.each([
  ["is unreachable", () => Promise.reject(new QueueUnreachable("it is away"))],
  ["does not answer", () => new Promise<void>(() => undefined)],
])("is left out without a word when Redis %s", async (_, setStatus) => {
  expect((await noted([taken("a")], { setStatus })).bugs).toEqual([]);
});

it("fails with a bug that is told, and that does not hold mail up", async () => {
  const bug = new TypeError("x is not a function");
  expect((await noted([taken("a")], { setStatus: () => Promise.reject(bug) })).bugs).toEqual([bug]);
});
