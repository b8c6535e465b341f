/** A connection that is cut in the midst of a write, wherever that is: the write is done once, and no failure is left without a reader. */
import process from "node:process";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Store } from "../../../src/store/store.ts";
import { requireServers } from "../../support/servers.ts";
import { behindProxy, preparePostgres } from "./bench.ts";

/** To log in takes the client fewer bytes. */
const LOGGED_IN = 400;
/** Statements are longer, so every gap between two of them is met. */
const STEP = 197;

const PEOPLE = ["a@x.example", "b@x.example", "c@x.example"];
const WEEKLY = PEOPLE.map((address) => ({
  address,
  list: "weekly",
  reason: "unsubscribe" as const,
  source: "link" as const,
}));

/** Leaves the store as it found it. */
const round = async (store: Store): Promise<number[]> => [
  await store.suppress(WEEKLY),
  await store.unsuppress(PEOPLE.slice(1), "weekly"),
  await store.unsuppress(PEOPLE),
];

/** What was rejected so far, and read by nobody. */
function unread(): unknown[] {
  const reasons: unknown[] = [];
  const note = (reason: unknown) => void reasons.push(reason);
  process.on("unhandledRejection", note);
  onTestFinished(() => void process.off("unhandledRejection", note));
  return reasons;
}

describe.skipIf(requireServers("postgres"))("a connection that is cut", { timeout: 120_000 }, () => {
  it("in the midst of what changes suppressions", async () => {
    const { store, proxy } = await behindProxy(await preparePostgres());
    const reasons = unread();
    expect(await round(store)).toEqual([3, 2, 1]);
    let [cuts, isCut] = [0, true];
    for (; isCut; cuts += Number(isCut)) {
      proxy.cut();
      const cut = proxy.cutAfter(LOGGED_IN + cuts * STEP);
      expect(await round(store)).toEqual([3, 2, 1]);
      isCut = cut();
    }
    expect(cuts).toBeGreaterThan(15);
    expect(reasons).toEqual([]);
  });
});
