/** A gateway on a job file that was rehearsed with: what is posted now leaves, and nothing of the rehearsal does. */
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { createRequestInbox } from "../../src/intake/inbox.ts";
import type { SetAside } from "../../src/store/rows.ts";
import { systemClock } from "../../src/time/clock.ts";
import { message } from "../store/bench.ts";
import { workFolder } from "../support/run.ts";
import { EVERYTHING, sent, settle, turn } from "../support/store-actions.ts";
import { openJob } from "../support/job.ts";

it("the same request, with the same key and uuid, is real the second time, and a repeat the third", async () => {
  const store = await openJob(join(await workFolder(), "job.db"), systemClock);
  onTestFinished(() => store.close());
  const setAside: SetAside[] = [];
  const parts = { store, wake: () => undefined, onSetAside: (each: SetAside) => void setAside.push(each) };
  const [rehearsal, real] = (["sandbox", "ses"] as const).map((endpoint) => createRequestInbox({ ...parts, endpoint }));
  const repeat = { caller: "shop", key: "order-1", fingerprint: "f" };
  const request = { messages: [message(["a@x.example"], { topic: "order-1", uuid: "u-1" })], repeat, memo: "" };
  const stored = (id: number) => ({ kind: "stored", counts: { added: 1, duplicates: 0, suppressed: 0 }, ids: [id] });
  expect(await rehearsal?.take(request)).toEqual(stored(1));
  const scope = { ...EVERYTHING, endpoint: "sandbox" as const };
  await settle(store, sent((await turn(store, 1, { scope })).claims[0]));
  expect(await real?.earlier(repeat)).toBeNull();
  expect(await real?.take(request)).toEqual(stored(2));
  expect(setAside).toEqual([{ topic: "order-1", now: "order-1 (rehearsal)" }]);
  expect(await real?.take(request)).toMatchObject({ kind: "repeated" });
  expect((await turn(store, 9)).claims).toHaveLength(1);
});
