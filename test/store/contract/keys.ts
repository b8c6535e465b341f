/** API keys, and what links are signed with. */
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { KeyScope } from "../../../src/store/rows.ts";
import type { Prepare } from "../bench.ts";

const digest = (key: string) => createHash("sha256").update(key).digest();
const key = (name: string, scopes: KeyScope[] = ["send"]) => ({ name, digest: digest(name), scopes });

export function keys(prepare: Prepare): void {
  describe("API keys", () => {
    it("there are none at first, and none to take back", async () => {
      const { open } = await prepare();
      const store = await open();
      expect(await store.keys()).toEqual([]);
      expect(await store.revokeKey("ci")).toBe(false);
      expect(await store.keys()).toEqual([]);
    });

    it("of one name that two processes make at once are one", async () => {
      const { open } = await prepare();
      const [one, two] = [await open(), await open()];
      const made = await Promise.allSettled([one.addKey(key("ci")), two.addKey({ ...key("ci"), digest: digest("2") })]);
      expect(made.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
      expect(await one.keys()).toHaveLength(1);
    });

    it("have a name of their own as long as they live", async () => {
      const { open } = await prepare();
      const [one, two] = [await open(), await open()];
      await one.addKey(key("ci"));
      await expect(two.addKey({ ...key("ci"), digest: digest("other") })).rejects.toMatchObject({
        name: "UserError",
        hint: expect.stringContaining("key revoke ci"),
      });
      expect(await two.keys()).toHaveLength(1);
      await two.addKey(key("CI"));
      expect((await one.keys()).map(({ name }) => name)).toEqual(["ci", "CI"]);
    });

    it("are taken back once, and their name is free again; the record stays", async () => {
      const { open, clock } = await prepare();
      const store = await open();
      const made = clock.now();
      await store.addKey(key("ci", ["send", "read"]));
      clock.pass(5);
      expect(await store.revokeKey("cI")).toBe(false);
      expect(await store.revokeKey("ci")).toBe(true);
      expect(await store.revokeKey("ci")).toBe(false);
      await store.addKey({ ...key("ci", ["admin"]), digest: digest("new") });
      expect(await (await open()).keys()).toEqual([
        { name: "ci", digest: digest("ci"), scopes: ["send", "read"], createdAt: made, revokedAt: made + 5 },
        { name: "ci", digest: digest("new"), scopes: ["admin"], createdAt: made + 5, revokedAt: null },
      ]);
    });

    it("are digests of 32 bytes, never twice the same", async () => {
      const { open } = await prepare();
      const store = await open();
      await expect(store.addKey({ ...key("ci"), digest: Buffer.from("the key itself") })).rejects.toThrow(/check/i);
      await store.addKey(key("ci"));
      await expect(store.addKey({ ...key("two"), digest: digest("ci") })).rejects.toThrow(/unique/i);
      expect(await store.keys()).toHaveLength(1);
    });
  });

  describe("signing keys", () => {
    it("are made when first asked for: one, however many ask at once", async () => {
      const { open } = await prepare();
      const stores = [await open(), await open(), await open()];
      const found = await Promise.all(stores.flatMap((store) => [store.signingKeys(), store.signingKeys()]));
      expect(found[0]).toHaveLength(1);
      expect(found[0]?.[0]).toHaveLength(32);
      for (const keys of found) expect(keys).toEqual(found[0]);
      expect(await (await open()).signingKeys()).toEqual(found[0]);
    });

    it("are changed for a new one that comes first; the older ones stay", async () => {
      const { open } = await prepare();
      const [one, two] = [await open(), await open()];
      const [first] = await one.signingKeys();
      await two.rotateSigningKey();
      await two.rotateSigningKey();
      const keys = await one.signingKeys();
      expect(keys).toHaveLength(3);
      expect(keys[2]).toEqual(first);
      expect(new Set(keys.map((each) => each.toString("hex"))).size).toBe(3);
    });
  });
}
