import { randomBytes } from "node:crypto";
import fc from "../support/properties.ts";
import { describe, expect, it, test } from "vitest";
import { UserError } from "../../src/errors.ts";
import { createLinks, type Links, openLinks, readSecrets } from "../../src/tracking/links.ts";
import { ManualClock } from "../support/manual-clock.ts";

const JOB = "0f8fad5b-d9cb-469f-a165-70867728950e";
const KEY = Buffer.alloc(32, 7);
const URL_ = "https://example.com/a?b=1&c=%C3%A9";

function linksOf(change: { jobId?: string; keys?: Buffer[] } = {}): Promise<Links> {
  const { jobId = JOB, keys = [KEY] } = change;
  return createLinks({ jobId, keys: async () => keys, clock: new ManualClock() });
}

/** What each kind of reader makes of a token. */
async function readings(links: Links, token: string, url = URL_): Promise<(number | null)[]> {
  return Promise.all([links.readOpen(token), links.readClick(token, url), links.readUnsubscribe(token)]);
}

describe("a token", () => {
  it("is read back as the message it was made for, by its own kind alone", async () => {
    const links = await linksOf();
    const id = fc.integer({ min: 1, max: 2 ** 48 - 1 });
    await fc.assert(
      fc.asyncProperty(id, fc.webUrl({ withQueryParameters: true, withFragments: true }), async (id, url) => {
        expect(await readings(links, links.open(id), url)).toEqual([id, null, null]);
        expect(await readings(links, links.click(id, url), url)).toEqual([null, id, null]);
        expect(await readings(links, links.unsubscribe(id), url)).toEqual([null, null, id]);
      }),
    );
  });

  it("is short, holds 144 bits of signature, and tells nothing of the next one", async () => {
    const links = await linksOf();
    const [one, two] = [links.open(1), links.open(2)].map((token) => Buffer.from(token, "base64url"));
    expect(links.open(2 ** 48 - 1)).toMatch(/^[A-Za-z0-9_-]{32}$/);
    expect(one).toHaveLength(6 + 144 / 8);
    expect(one?.subarray(6)).not.toEqual(two?.subarray(6));
  });

  it("is good for nothing once any of its characters is another", async () => {
    const links = await linksOf();
    const token = links.unsubscribe(4711);
    for (let at = 0; at < token.length; at++) {
      for (const character of "AQgw5-_") {
        if (character === token[at]) continue;
        const forged = token.slice(0, at) + character + token.slice(at + 1);
        expect(await readings(links, forged)).toEqual([null, null, null]);
      }
    }
  });

  it("of a click holds for no other address", async () => {
    const links = await linksOf();
    const token = links.click(5, URL_);
    for (const url of [`${URL_}#`, URL_.toUpperCase(), "https://evil.example/", "", `\n${URL_}`, `5\n${URL_}`])
      expect(await links.readClick(token, url)).toBeNull();
  });

  it("holds for no other job file and no other key", async () => {
    const links = await linksOf();
    for (const other of [await linksOf({ jobId: "another" }), await linksOf({ keys: [Buffer.alloc(32, 8)] })]) {
      expect(await readings(other, links.open(1))).toEqual([null, null, null]);
      expect(await readings(other, links.click(1, URL_))).toEqual([null, null, null]);
      expect(await readings(other, links.unsubscribe(1))).toEqual([null, null, null]);
    }
  });

  it.each([0, -1, 1.5, Number.NaN, Infinity, 2 ** 48])("is not made for %s", async (id) => {
    const links = await linksOf();
    expect(() => links.open(id)).toThrow(RangeError);
  });

  it("is nothing when it is anything else", async () => {
    const links = await linksOf();
    const good = links.open(1);
    const broken = [
      "",
      "1",
      `${good}A`,
      good.slice(1),
      `${good}=`,
      `${good}\n`,
      ` ${good}`,
      "A".repeat(32),
      "\0",
      "é".repeat(32),
    ];
    for (const token of [...broken, "x".repeat(1_000_000), encodeURIComponent("🦊".repeat(3))])
      expect(await readings(links, token)).toEqual([null, null, null]);
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string({ unit: "binary", maxLength: 100 }), fc.base64String()), async (token) => {
        expect(await readings(links, token)).toEqual([null, null, null]);
      }),
    );
  });
});

describe("keys", () => {
  test("the newest signs, all verify", async () => {
    const [older, newer] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
    const before = await linksOf({ keys: [older] });
    const after = await linksOf({ keys: [newer, older] });
    expect(after.open(1)).not.toBe(before.open(1));
    expect(await after.readOpen(before.open(1))).toBe(1);
    expect(await before.readOpen(after.open(1))).toBeNull();
  });

  /** Links over keys that another process may change. */
  async function live(first: Buffer) {
    const clock = new ManualClock();
    const state = { keys: [first], reads: 0, fails: false };
    const keys = async () => {
      state.reads++;
      if (state.fails) throw new Error("the job file is locked");
      return state.keys;
    };
    return { links: await createLinks({ jobId: JOB, keys, clock }), state, clock };
  }

  test("one made meanwhile by another process is known at the first token that needs it", async () => {
    const newer = Buffer.alloc(32, 2);
    const { links, state, clock } = await live(KEY);
    const old = links.unsubscribe(9);
    clock.pass(5_000);
    state.keys = [newer, KEY];
    const token = (await linksOf({ keys: [newer] })).unsubscribe(9);
    expect(await links.readUnsubscribe(token)).toBe(9);
    expect(await links.readUnsubscribe(old)).toBe(9);
    expect(links.unsubscribe(9)).toBe(token);
  });

  test("strangers' tokens make us read them once in two seconds at most, garbage never", async () => {
    const { links, state, clock } = await live(KEY);
    const forged = () => randomBytes(24).toString("base64url");
    clock.pass(3_000);
    await Promise.all(Array.from({ length: 200 }, () => links.readOpen(forged())));
    expect(state.reads).toBe(2);
    for (let i = 0; i < 200; i++) await links.readOpen(forged());
    expect(state.reads).toBe(2);
    clock.pass(3_000);
    for (let i = 0; i < 200; i++) await links.readOpen(`garbage ${i}`);
    for (let i = 0; i < 200; i++) expect(await links.readOpen(links.open(i + 1))).toBe(i + 1);
    expect(state.reads).toBe(2);
  });

  test("a new one signs within a minute or so", async () => {
    const newer = Buffer.alloc(32, 2);
    const { links, state, clock } = await live(KEY);
    state.keys = [newer, KEY];
    const old = links.open(1);
    clock.pass(61_000);
    links.open(1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(links.open(1)).not.toBe(old);
    expect(links.open(1)).toBe((await linksOf({ keys: [newer] })).open(1));
  });

  test("a job file that cannot be read leaves those that are known", async () => {
    const { links, state, clock } = await live(KEY);
    state.fails = true;
    clock.pass(61_000);
    const token = links.open(3);
    expect(await links.readOpen(randomBytes(24).toString("base64url"))).toBeNull();
    expect(await links.readOpen(token)).toBe(3);
  });
});

describe("SES_MAIL_SECRET", () => {
  const store = (keys: Buffer[]) => ({ jobId: JOB, signingKeys: async () => keys });
  const open = (env: Record<string, string>, keys = [KEY]) => openLinks(store(keys), env, new ManualClock());

  it("signs instead of the job file's key, whose links stay good", async () => {
    const [without, withSecret] = [await open({}), await open({ SES_MAIL_SECRET: "correct horse battery" })];
    expect(withSecret.open(1)).not.toBe(without.open(1));
    expect(await withSecret.readOpen(without.open(1))).toBe(1);
    expect(await without.readOpen(withSecret.open(1))).toBeNull();
    // Nothing of the job file is in the signature.
    expect((await open({ SES_MAIL_SECRET: "correct horse battery" }, [Buffer.alloc(32)])).open(1)).toBe(
      withSecret.open(1),
    );
  });

  it("may be several, newest first", async () => {
    const older = await open({ SES_MAIL_SECRET: "the older of the two" });
    const both = await open({ SES_MAIL_SECRET: "the newer of the two, the older of the two" });
    expect(await both.readUnsubscribe(older.unsubscribe(2))).toBe(2);
    expect(await older.readUnsubscribe(both.unsubscribe(2))).toBeNull();
  });

  it.each(["short", "a secret that is long enough,short", "a secret that is long enough,", " ".repeat(40)])(
    "is refused when one is short: %j",
    (secret) => {
      expect(() => readSecrets({ SES_MAIL_SECRET: secret })).toThrow(UserError);
      expect(() => readSecrets({ SES_MAIL_SECRET: secret })).not.toThrow(/long enough/);
    },
  );

  it("is none when it is not set, or set to nothing", () => {
    expect(readSecrets({})).toEqual([]);
    expect(readSecrets({ SES_MAIL_SECRET: "" })).toEqual([]);
  });
});
