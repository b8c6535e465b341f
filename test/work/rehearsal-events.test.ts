/** What becomes of the sandbox's events when the store does not take them. */
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { StoppedError } from "../../src/errors.ts";
import type { EventSink } from "../../src/feedback/event-sink.ts";
import type { SnsNotification } from "../../src/sandbox/event-feed.ts";
import { openStore } from "../../src/store/sqlite/store.ts";
import { rehearsalEvents } from "../../src/work/rehearsal-events.ts";
import { systemClock } from "../../src/time/clock.ts";
import { bounce, sns } from "../feedback/events.ts";
import { workFolder } from "../support/run.ts";

const bounced = (id: number) =>
  sns(bounce("Permanent", "General", { id, to: [`r${id}@example.net`] })) as unknown as SnsNotification;

/** A store that fails with these errors first, the events it was given, and what was told. */
async function failing(...errors: Error[]) {
  const store = await openStore(join(await workFolder(), "ses-mail.db"), systemClock);
  onTestFinished(() => store.close());
  const told: string[] = [];
  const sink: Pick<EventSink, "applyEvents"> = {
    applyEvents(batch) {
      const error = errors.shift();
      return error === undefined ? store.applyEvents(batch) : Promise.reject(error);
    },
  };
  const events = rehearsalEvents(sink, ({ message }) => told.push(message));
  const suppressed = async () => {
    const found: string[] = [];
    for await (const { address } of store.suppressions()) found.push(address);
    return found.sort();
  };
  return { events, told, suppressed };
}

it("keeps events while the store cannot take them, and tells nobody", async () => {
  const { events, told, suppressed } = await failing(new StoppedError("away"), new StoppedError("away"));
  events.take([bounced(1)]);
  events.flush();
  events.take([bounced(2)]);
  await new Promise(setImmediate);
  events.flush();
  await new Promise(setImmediate);
  await events.close();
  expect({ told, there: await suppressed() }).toEqual({ told: [], there: ["r1@example.net", "r2@example.net"] });
});

it("tells of events that the store did not take before the end", async () => {
  const { events, told, suppressed } = await failing(new StoppedError("no space left"));
  events.take([bounced(1)]);
  await events.close();
  expect({ told, there: await suppressed() }).toEqual({ told: ["no space left"], there: [] });
});

it("drops events that can never be taken in, tells of the first, and goes on with the others", async () => {
  const { events, told, suppressed } = await failing(new Error("broken"), new Error("broken again"));
  for (const id of [1, 2, 3]) {
    events.take([bounced(id)]);
    events.flush();
    await new Promise(setImmediate);
  }
  await events.close();
  expect({ told, there: await suppressed() }).toEqual({ told: ["broken"], there: ["r3@example.net"] });
});

it("keeps no more than 50,000 events, and tells of the first that it drops", async () => {
  const { events, told } = await failing(...Array.from({ length: 99 }, () => new StoppedError("away")));
  events.take([...Array(50_000).keys()].map(() => bounced(1)));
  expect(told).toEqual([]);
  events.take([bounced(2)]);
  await new Promise(setImmediate);
  expect(told).toEqual(["more than 50000 events wait for the store"]);
});
