/** Signing keys in a job file that others hold. */
import { expect, it } from "vitest";
import { Database } from "../../../src/store/sqlite/driver.ts";
import { inspect, prepareOnDisk } from "./bench.ts";

it("makes one signing key, however many wait to make it", async () => {
  const { open, path } = await prepareOnDisk();
  const stores = [await open(), await open(), await open()];
  const other = new Database(path);
  other.exec("begin immediate");
  const asked = stores.flatMap((store) => [store.signingKeys(), store.signingKeys()]);
  // All of them have seen that there is none, and wait to make it.
  other.close();
  const found = await Promise.all(asked);
  expect(found[0]?.[0]).toHaveLength(32);
  for (const keys of found) expect(keys).toEqual(found[0]);
  expect(inspect(path, (db) => db.prepare("select count(*) from signing_key").pluck().get())).toBe(1);
});
