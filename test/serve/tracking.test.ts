import { request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import fc from "../support/properties.ts";
import type { FastifyInstance } from "fastify";
import { describe, expect, it, test } from "vitest";
import { systemClock } from "../../src/time/clock.ts";
import { PIXEL } from "../../src/serve/routes/tracking.ts";
import type { Content } from "../../src/message.ts";
import type { Store } from "../../src/store/store.ts";
import {
  askPage,
  backPage,
  blockedPage,
  donePage,
  gonePage,
  type Reader,
  unknownPage,
} from "../../src/serve/unsubscribe-page.ts";
import { type Language, languageOf, WORDS } from "../../src/serve/unsubscribe-words.ts";
import { createLinks, openLinks } from "../../src/tracking/links.ts";
import { CONTENT, states } from "../support/store-actions.ts";
import { scene } from "./tracking.ts";
import { inJob } from "../support/job.ts";

const READER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
const APPLE = "Mozilla/5.0";
const URL_ = "https://example.com/소식?a=1&b='2'#c";

const open = (app: FastifyInstance, query: string, agent = READER) =>
  app.inject({ url: `/v1/events/open${query}`, headers: { "user-agent": agent } });
const click = (app: FastifyInstance, token: string, url: string, accept = "*/*") =>
  app.inject({ url: `/c/${token}?u=${encodeURIComponent(url)}`, headers: { "user-agent": READER, accept } });

/** Reads a GIF as its specification says (GIF89a, §18–27); throws for anything that is none. */
function parseGif(bytes: Buffer): { width: number; height: number; transparent: boolean; frames: number } {
  const must = (holds: boolean, what: string) => {
    if (!holds) throw new Error(`not a GIF: ${what}`);
  };
  must(bytes.subarray(0, 6).toString("latin1") === "GIF89a", "signature");
  const [width, height] = [bytes.readUInt16LE(6), bytes.readUInt16LE(8)];
  const packed = bytes.readUInt8(10);
  let at = 13 + (packed & 0x80 ? 3 * 2 ** ((packed & 7) + 1) : 0);
  let [frames, transparent] = [0, false];
  const skipBlocks = () => {
    for (let size = bytes.readUInt8(at++); size > 0; size = bytes.readUInt8(at++)) at += size;
  };
  const readImage = () => {
    must(bytes.readUInt16LE(at + 4) === width && bytes.readUInt16LE(at + 6) === height, "image size");
    at += 9;
    must(bytes.readUInt8(at++) === 2, "code size");
    // LZW in codes of 3 bits, low bits first: clear (4), the one pixel (0 or 1), end (5).
    const codes = bytes.readUInt16LE(at + 1);
    must((codes & 7) === 4 && ((codes >> 3) & 7) < 2 && ((codes >> 6) & 7) === 5, "pixel");
    skipBlocks();
    frames++;
  };
  for (let introducer = bytes.readUInt8(at++); introducer !== 0x3b; introducer = bytes.readUInt8(at++)) {
    must(introducer === 0x21 || introducer === 0x2c, "block");
    if (introducer === 0x2c) {
      readImage();
      continue;
    }
    if (bytes.readUInt8(at++) === 0xf9) transparent = (bytes.readUInt8(at + 1) & 1) === 1;
    skipBlocks();
  }
  must(at === bytes.length, "end");
  return { width, height, transparent, frames };
}

test("R15 P2 P12: the pixel is a GIF: one transparent pixel in 43 bytes", () => {
  expect(PIXEL).toHaveLength(43);
  expect(parseGif(PIXEL)).toEqual({ width: 1, height: 1, transparent: true, frames: 1 });
});

describe("GET /v1/events/open", () => {
  it("R15 G15: answers the pixel whatever is asked, and counts nothing that was not signed", async () => {
    const { app, links, counts } = await scene();
    const forged = await createLinks({ jobId: "other", keys: async () => [Buffer.alloc(32)], clock: systemClock });
    const queries = [
      "",
      "?",
      "?request_id",
      "?request_id=",
      "?request_id=1",
      "?request_id=2&request_id=1",
      "?requestId=%ZZ",
    ];
    queries.push(`?request_id=${links.open(1)}&request_id=${links.open(1)}`, `?request_id=${links.unsubscribe(1)}`);
    queries.push(`?request_id=${links.click(1, "")}`, `?request_id=${forged.open(1)}`, `?x=${links.open(1)}`);
    queries.push(
      `?request_id=${"é%00".repeat(2_000)}`,
      `?__proto__[request_id]=${links.open(1)}`,
      "?request_id[]=a",
      "?&&&===",
    );
    for (const query of queries) {
      const answer = await open(app, query);
      expect([query, answer.statusCode]).toEqual([query, 200]);
      expect(answer.rawPayload.equals(PIXEL)).toBe(true);
      expect(answer.headers).toMatchObject({
        "content-type": "image/gif",
        "content-length": "43",
        "cache-control": "no-store, no-cache, must-revalidate, private",
      });
    }
    expect(await counts()).toEqual({ opened: 0, clicked: 0 });
  });

  it("answers the pixel to any query", async () => {
    const { app, counts } = await scene();
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary-ascii", maxLength: 300 }), async (text) => {
        const answer = await open(app, `?request_id=${text.replace(/[\0-\x20\x7f#]/g, "+")}`);
        expect([answer.statusCode, answer.rawPayload.length]).toEqual([200, 43]);
      }),
    );
    expect(await counts()).toEqual({ opened: 0, clicked: 0 });
  });

  it.each(["request_id", "requestId"])("counts a signed %s: a message once, its opens all", async (name) => {
    const { app, file, links, counts } = await scene();
    for (let i = 0; i < 2; i++) await open(app, `?${name}=${links.open(1)}`);
    expect(await counts()).toEqual({ opened: 1, clicked: 0 });
    expect(await visitsOf(file)).toEqual({ opens: 2, machine: 0 });
  });

  it("tells machines apart", async () => {
    const { app, file, links, counts } = await scene();
    await open(app, `?request_id=${links.open(1)}`, APPLE);
    await counts();
    expect(await visitsOf(file)).toEqual({ opens: 0, machine: 1 });
  });

  it("counts no HEAD, and no message that was never sent", async () => {
    const { app, links, counts } = await scene();
    const head = await app.inject({ method: "HEAD", url: `/v1/events/open?request_id=${links.open(1)}` });
    expect(head.statusCode).toBe(200);
    await open(app, `?request_id=${links.open(2)}`);
    await open(app, `?request_id=${links.open(999)}`);
    expect(await counts()).toEqual({ opened: 0, clicked: 0 });
  });

  it("does not let readers wait for the job file, and writes what waits before it closes", async () => {
    let release = () => undefined as void;
    const held = new Promise<void>((resolve) => (release = resolve));
    const written: number[] = [];
    const applyVisits = async (visits: readonly unknown[]) => {
      await held;
      written.push(visits.length);
      return 0;
    };
    const { app, links, close } = await scene({ applyVisits });
    for (let i = 0; i < 30; i++) expect((await open(app, `?request_id=${links.open(1)}`)).statusCode).toBe(200);
    expect(written).toEqual([]);
    const closing = close();
    release();
    await closing;
    expect(written.reduce((sum, count) => sum + count, 0)).toBe(30);
  });

  it("drops what is too much, and says how many", async () => {
    let release = () => undefined as void;
    const held = new Promise<void>((resolve) => (release = resolve));
    const { app, links, warnings, close } = await scene({ applyVisits: () => held.then(() => 0) }, 10);
    for (let i = 0; i < 25; i++) expect((await open(app, `?request_id=${links.open(1)}`)).statusCode).toBe(200);
    release();
    await close();
    expect(warnings.reduce((sum, { dropped }) => sum + Number(dropped), 0)).toBe(15);
    expect(JSON.stringify(warnings)).not.toContain(links.open(1));
  });

  it("goes on when the job file cannot be written, and says what was lost", async () => {
    const { app, links, warnings, close } = await scene({ applyVisits: () => Promise.reject(new Error("disk full")) });
    for (let i = 0; i < 3; i++) expect((await open(app, `?request_id=${links.open(1)}`)).statusCode).toBe(200);
    await close();
    expect(warnings.reduce((sum, { dropped }) => sum + Number(dropped), 0)).toBe(3);
    expect(warnings[0]).toMatchObject({ reason: "disk full" });
  });
});

/** Opens of message 1, by readers and by machines. */
async function visitsOf(file: string): Promise<unknown> {
  const [visits] = await inJob(file, "select opens, machine_opens as machine from sm.feedback where message_id = 1");
  return visits;
}

describe("GET /c/{token}", () => {
  it("goes on to the signed address, in ASCII, and counts", async () => {
    const { app, links, counts } = await scene();
    const answer = await click(app, links.click(1, URL_), URL_);
    expect(answer.statusCode).toBe(302);
    expect(answer.headers).toMatchObject({
      location: new URL(URL_).href,
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
    });
    expect(await counts()).toEqual({ opened: 0, clicked: 1 });
  });

  it("goes on for HEAD, and does not count", async () => {
    const { app, links, counts } = await scene();
    const url = `/c/${links.click(1, URL_)}?u=${encodeURIComponent(URL_)}`;
    expect((await app.inject({ method: "HEAD", url })).statusCode).toBe(302);
    expect(await counts()).toEqual({ opened: 0, clicked: 0 });
  });

  it("goes nowhere else: no open redirect", async () => {
    const { app, links, counts } = await scene();
    const evil = "https://evil.example/<script>alert(1)</script>";
    const token = links.click(1, URL_);
    const attempts = [
      `/c/${token}?u=${encodeURIComponent(evil)}`,
      `/c/${token}`,
      `/c/${token}?u=`,
      `/c/${token}?u=${encodeURIComponent(URL_)}&u=${encodeURIComponent(evil)}`,
      `/c/${token}?u=${encodeURIComponent(`${URL_} `)}`,
      `/c/${token}?u=${encodeURIComponent(URL_)}%0d%0aLocation:%20${encodeURIComponent(evil)}`,
      `/c/${token}?u=//evil.example/`,
      `/c/${token}?u[]=${encodeURIComponent(URL_)}`,
      `/c/${links.open(1)}?u=${encodeURIComponent(evil)}`,
      `/c/${links.unsubscribe(1)}?u=${encodeURIComponent(evil)}`,
      `/c/${"A".repeat(32)}?u=${encodeURIComponent(evil)}`,
      `/c/${"A".repeat(3_000)}?u=${encodeURIComponent(evil)}`,
      `/c/x?u=${encodeURIComponent(evil)}`,
    ];
    for (const accept of ["text/html", "*/*"]) {
      for (const url of attempts) {
        const answer = await app.inject({ url, headers: { accept } });
        expect([url, answer.statusCode, answer.headers.location]).toEqual([url, 404, undefined]);
        expect(answer.body).not.toMatch(/evil|<script|example\.com/);
      }
    }
    expect(await counts()).toEqual({ opened: 0, clicked: 0 });
  });

  it.each([
    "javascript:alert(1)",
    "data:text/html,x",
    "file:///etc/passwd",
    "//evil.example",
    "/u/x",
    "https://",
    "http://[",
  ])("follows no %s, even signed", async (url) => {
    const { app, links } = await scene();
    expect((await click(app, links.click(1, url), url)).statusCode).toBe(404);
  });

  it("lets a stranger try some hundred links a minute, and readers all of theirs", async () => {
    const { app, links } = await scene();
    const guess = () => click(app, "A".repeat(32), URL_);
    for (let i = 0; i < 600; i++) expect((await guess()).statusCode).toBe(404);
    const refused = await guess();
    expect([refused.statusCode, Number(refused.headers["retry-after"]) > 0]).toEqual([429, true]);
    expect((await app.inject({ method: "POST", url: `/u/${"A".repeat(32)}` })).statusCode).toBe(429);
    expect((await click(app, links.click(1, URL_), URL_)).statusCode).toBe(302);
    expect((await app.inject({ method: "POST", url: `/u/${links.unsubscribe(1)}` })).statusCode).toBe(200);
    expect((await open(app, "?request_id=guess")).statusCode).toBe(200);
  });

  it("shows people a page, and programs JSON", async () => {
    const { app } = await scene();
    const page = await click(app, "x", "https://example.com/", "text/html,*/*");
    expect(page.headers["content-type"]).toMatch(/^text\/html/);
    const json = await click(app, "x", "https://example.com/");
    expect(json.json()).toEqual({ error: "this link is not valid" });
  });
});

describe("/u/{token}", () => {
  const ONE_CLICK = { "content-type": "application/x-www-form-urlencoded" };
  const post = (app: FastifyInstance, token: string, payload?: string, headers: Record<string, string> = {}) =>
    app.inject({ method: "POST", url: `/u/${token}`, headers, ...(payload !== undefined && { payload }) });

  it("GET and HEAD show a page with a masked address, and change nothing", async () => {
    const { app, store, links } = await scene();
    const url = `/u/${links.unsubscribe(2)}`;
    for (const method of ["GET", "HEAD"] as const) {
      for (const query of ["", "?List-Unsubscribe=One-Click"]) {
        const answer = await app.inject({ method, url: url + query });
        expect(answer.statusCode).toBe(200);
      }
    }
    const { body, headers } = await app.inject({ url });
    expect(body).toContain("b•••@example.net");
    expect(body).not.toContain("bob@");
    expect(body).toContain('<form method="post">');
    expect(headers).toMatchObject({
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-store",
      "content-security-policy": expect.stringMatching(
        /^default-src 'none'; style-src 'sha256-[^']+'; form-action 'self'/,
      ),
    });
    expect(headers["set-cookie"]).toBeUndefined();
    expect(await store.countSuppressions()).toBe(0);
    expect(await states(store)).toMatchObject({ "bob@example.net": "pending" });
  });

  const multipart = '--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n';
  it.each<[string, string | undefined, Record<string, string>]>([
    ["as RFC 8058 says", "List-Unsubscribe=One-Click", ONE_CLICK],
    ["as multipart", multipart, { "content-type": "multipart/form-data; boundary=b" }],
    ["by the button", "", ONE_CLICK],
    ["without a body", undefined, {}],
    ["with JSON that is none", "{", { "content-type": "application/json" }],
    ["without a content type", "x", {}],
  ])("POST %s unsubscribes, and what waits is not sent", async (_name, payload, headers) => {
    const { app, store, links } = await scene();
    const answer = await post(app, links.unsubscribe(2), payload, headers);
    expect(answer.statusCode).toBe(200);
    expect(answer.body).toContain("You are unsubscribed");
    expect((await store.searchSuppressions({ text: "bob", after: null, limit: 10 })).rows).toMatchObject([
      { address: "bob@example.net", reason: "unsubscribe", source: "link", detail: expect.stringContaining("june") },
    ]);
    expect(await states(store)).toMatchObject({ "bob@example.net": "suppressed" });
  });

  it("POST again, or many at once, is harmless", async () => {
    const { app, store, links } = await scene();
    const answers = await Promise.all(Array.from({ length: 20 }, () => post(app, links.unsubscribe(1))));
    expect(answers.map((answer) => answer.statusCode)).toEqual(Array.from({ length: 20 }, () => 200));
    expect(await store.countSuppressions()).toBe(1);
    expect(await states(store)).toMatchObject({ "ann@example.net": "sent", "bob@example.net": "pending" });
  });

  it("POST is answered only when it is durable", async () => {
    const { app, links } = await scene({ unsubscribe: () => Promise.reject(new Error("disk full")) });
    expect((await post(app, links.unsubscribe(1))).statusCode).toBe(500);
  });

  const undo = (app: FastifyInstance, token: string) => app.inject({ method: "POST", url: `/u/${token}/undo` });

  it("is taken back by a POST, and by nothing else", async () => {
    const { app, store, links } = await scene();
    const token = links.unsubscribe(2);
    const done = await post(app, token);
    expect(done.body).toContain(`action="${token}/undo"`);
    for (const method of ["GET", "HEAD"] as const) {
      const looked = await app.inject({ method, url: `/u/${token}/undo` });
      expect([looked.statusCode, looked.headers.location]).toEqual([303, `../${token}`]);
    }
    // Who comes back later finds the way back, too.
    expect((await app.inject({ url: `/u/${token}` })).body).toContain(`action="${token}/undo"`);
    expect(await store.countSuppressions()).toBe(1);
    const back = await undo(app, token);
    expect([back.statusCode, back.body]).toEqual([200, expect.stringContaining("You are subscribed again")]);
    expect(await store.countSuppressions()).toBe(0);
    // Again, and for somebody who never left.
    for (const id of [1, 2])
      expect((await undo(app, links.unsubscribe(id))).body).toContain("You are subscribed again");
    expect((await post(app, token)).statusCode).toBe(200);
    expect(await store.countSuppressions()).toBe(1);
  });

  it.each([
    ["event", "bounce"],
    ["event", "complaint"],
    ["event", "unsubscribe"],
    ["manual", "manual"],
    ["ses", "bounce"],
    ["import", "unsubscribe"],
  ])("never takes back what came as %s: %s, before the unsubscription or after it", async (source, reason) => {
    const { app, store, links } = await scene();
    for (const order of [0, 1]) {
      const token = links.unsubscribe(order + 1);
      const address = ["ann@example.net", "bob@example.net"][order] ?? "";
      if (order === 0) await store.suppress([{ address, source, reason }]);
      await post(app, token);
      if (order === 1) await store.suppress([{ address, source, reason }]);
      const answer = await undo(app, token);
      expect([answer.statusCode, answer.body]).toEqual([200, expect.stringContaining("This address gets no mail")]);
      expect(await store.suppressionsOf(address)).toMatchObject([{ source, reason }]);
    }
  });

  it("is taken back with a link to unsubscribe only", async () => {
    const { app, store, links } = await scene();
    await post(app, links.unsubscribe(1));
    for (const token of ["x", "A".repeat(32), links.open(1), links.click(1, "")])
      expect((await undo(app, token)).statusCode).toBe(404);
    expect((await undo(app, links.unsubscribe(999))).statusCode).toBe(410);
    expect(await store.countSuppressions()).toBe(1);
  });

  it("says politely that nothing is kept of the mail any more, to readers and to their providers", async () => {
    const { app, store, links } = await scene();
    const token = links.unsubscribe(1);
    await store.forget("ann@example.net", new AbortController().signal);
    for (const [method, url] of [
      ["GET", `/u/${token}`],
      ["POST", `/u/${token}`],
      ["POST", `/u/${token}/undo`],
      ["GET", `/u/${links.unsubscribe(999)}`],
    ] as const) {
      const answer = await app.inject({ method, url });
      expect([url, answer.statusCode]).toEqual([url, 410]);
      expect(answer.body).toContain(WORDS.en.gone);
      expect(answer.body).not.toContain("example.net");
    }
    // Its other links go on to where they lead, and count nothing.
    expect((await click(app, links.click(1, URL_), URL_)).statusCode).toBe(302);
    expect((await open(app, `?request_id=${links.open(1)}`)).statusCode).toBe(200);
    const { opened, clicked } = (await store.topic("june")) ?? {};
    expect([opened, clicked]).toEqual([0, 0]);
  });

  it("is unknown with any other token", async () => {
    const { app, store, links } = await scene();
    for (const token of ["x", "A".repeat(32), links.open(1), links.click(1, ""), "%E0%A4", "a".repeat(3_000)]) {
      for (const method of ["GET", "POST"] as const) {
        const answer = await app.inject({ method, url: `/u/${token}` });
        expect(answer.statusCode).toBe(token === "%E0%A4" ? 400 : 404);
        expect(answer.body).not.toContain("example.net");
      }
    }
    expect(await store.countSuppressions()).toBe(0);
  });

  describe("of a mail with a list", () => {
    const WEEKLY: Content = { ...CONTENT, from: "News <news@example.com>", list: "weekly" };
    const ofList = (change: Partial<Content> = {}) => scene({}, 20_000, { ...WEEKLY, ...change });
    const all = (app: FastifyInstance, token: string) => app.inject({ method: "POST", url: `/u/${token}/all` });
    const lists = async (store: Store) => (await store.suppressionsOf("bob@example.net")).map(({ list }) => list);

    it("names the list, and asks with two buttons", async () => {
      const { app, store, links } = await ofList();
      const token = links.unsubscribe(2);
      const { body } = await app.inject({ url: `/u/${token}` });
      expect(body).toContain("Unsubscribe from <bdi><strong>weekly</strong></bdi>");
      expect(body).toContain(`action="${token}/all"`);
      expect(await lists(store)).toEqual([]);
      const bulk = await scene();
      expect((await bulk.app.inject({ url: `/u/${bulk.links.unsubscribe(2)}` })).body.split("<button").length).toBe(2);
    });

    it("one click leaves the list, and only that", async () => {
      const { app, store, links } = await ofList();
      const token = links.unsubscribe(2);
      const { body } = await post(app, token, "List-Unsubscribe=One-Click", ONE_CLICK);
      expect(body).toContain("no more mail of the list <bdi><strong>weekly</strong></bdi>");
      expect(body).toContain(`action="${token}/undo"`);
      expect(body).toContain(`action="${token}/all"`);
      expect(await store.suppressionsOf("bob@example.net")).toMatchObject([
        { list: "weekly", reason: "unsubscribe", source: "link" },
      ]);
      expect((await app.inject({ url: `/u/${token}` })).body).toContain("no more mail of the list");
    });

    it("the second button leaves all bulk mail, before the first or after it", async () => {
      for (const isAfter of [false, true]) {
        const { app, store, links } = await ofList();
        const token = links.unsubscribe(2);
        if (isAfter) await post(app, token);
        const answer = await all(app, token);
        expect([answer.statusCode, answer.body]).toEqual([
          200,
          expect.stringContaining("Mail that only you are waiting for"),
        ]);
        // The page has a URL of its own, from which the way back has to lead.
        expect(answer.body).toContain(`action="../${token}/undo"`);
        expect(answer.body).not.toContain("of the list");
        expect(await lists(store)).toEqual(isAfter ? ["/bulk", "weekly"] : ["/bulk"]);
        expect((await app.inject({ url: `/u/${token}` })).body).toContain("Mail that only you are waiting for");
        // Whoever presses the first button then has left everything all the same.
        expect((await post(app, token)).body).toContain("Mail that only you are waiting for");
      }
    });

    it("both are taken back", async () => {
      const { app, store, links } = await ofList();
      const token = links.unsubscribe(2);
      await post(app, token);
      const list = await undo(app, token);
      expect(list.body).toContain("may send mail of the list <bdi><strong>weekly</strong></bdi>");
      expect(list.body).toContain(`action="../${token}"`);
      expect(await lists(store)).toEqual([]);
      await post(app, token);
      await all(app, token);
      const everything = await undo(app, token);
      expect(everything.body).toContain("may send mail to");
      expect(await lists(store)).toEqual([]);
    });

    it("GET of its pages changes nothing, and leads to the question", async () => {
      const { app, store, links } = await ofList();
      const token = links.unsubscribe(2);
      for (const method of ["GET", "HEAD"] as const) {
        const looked = await app.inject({ method, url: `/u/${token}/all` });
        expect([looked.statusCode, looked.headers.location]).toEqual([303, `../${token}`]);
      }
      expect(await lists(store)).toEqual([]);
      expect((await all(app, "A".repeat(32))).statusCode).toBe(404);
    });

    it("never takes back what somebody else entered for the list", async () => {
      const { app, store, links } = await ofList();
      await store.suppress([{ address: "bob@example.net", list: "weekly", reason: "manual", source: "manual" }]);
      await post(app, links.unsubscribe(2));
      expect((await undo(app, links.unsubscribe(2))).body).toContain("This address gets no mail");
      expect(await lists(store)).toEqual(["weekly"]);
    });

    it("a name is escaped, also one that turns the direction of the text", async () => {
      const { app, links } = await ofList({ list: '<b>"x"</b>\'' });
      const { body } = await app.inject({ url: `/u/${links.unsubscribe(2)}` });
      expect(body).toContain("&lt;b&gt;&quot;x&quot;&lt;");
      expect(body).not.toContain("<b>");
    });

    it("a link of transactional mail leaves all bulk mail, with one button", async () => {
      const { app, store, links } = await ofList({ kind: "transactional" });
      const token = links.unsubscribe(2);
      expect((await app.inject({ url: `/u/${token}` })).body).not.toContain("weekly");
      expect((await post(app, token)).statusCode).toBe(200);
      expect(await lists(store)).toEqual(["/bulk"]);
      expect(await states(store)).toMatchObject({ "bob@example.net": "pending" });
    });
  });

  it("takes no large body", async () => {
    const { app, store, links } = await scene();
    const answer = await post(app, links.unsubscribe(1), "x".repeat(20_000), ONE_CLICK);
    expect(answer.statusCode).toBe(413);
    expect(await store.countSuppressions()).toBe(0);
  });

  it("knows a key that another process made meanwhile", async () => {
    const { app, store, links } = await scene();
    await store.rotateSigningKey();
    const { unsubscribe } = await openLinks(store, {}, systemClock);
    expect(unsubscribe(1)).not.toBe(links.unsubscribe(1));
    await systemClock.sleep(2_100);
    expect((await post(app, unsubscribe(1))).statusCode).toBe(200);
    expect((await post(app, links.unsubscribe(1))).statusCode).toBe(200);
  });

  it("over a real socket, the way a mail provider posts", async () => {
    const { app, store, links } = await scene();
    await app.listen({ port: 0, host: "127.0.0.1" });
    const { port } = app.server.address() as AddressInfo;
    const status = await new Promise((resolve, reject) => {
      const sending = httpRequest(
        {
          port,
          path: `/u/${links.unsubscribe(1)}`,
          method: "POST",
          headers: { ...ONE_CLICK, "transfer-encoding": "chunked" },
        },
        (response) => {
          response.resume();
          resolve(response.statusCode);
        },
      );
      sending.on("error", reject);
      sending.end("List-Unsubscribe=One-Click");
    });
    expect(status).toBe(200);
    expect(await store.countSuppressions()).toBe(1);
  });
});

describe("the page", () => {
  it.each([
    [undefined, "en"],
    ["", "en"],
    ["ko-KR,ko;q=0.9,en-US;q=0.8,en;q=0.7", "ko"],
    ["en-US,en;q=0.9,ko;q=0.8", "en"],
    ["nl", "en"],
    ["nl, ko;q=0.1", "ko"],
    ["de-AT,de;q=0.9,en;q=0.8", "de"],
    ["FR-ca", "fr"],
    ["es-419,es", "es"],
    ["pt-BR", "pt"],
    ["ja,en-US;q=0.7", "ja"],
    ["zh-CN,zh;q=0.9", "zh-Hans"],
    ["zh", "zh-Hans"],
    ["zh-TW,zh;q=0.9", "zh-Hant"],
    ["zh-Hant-HK", "zh-Hant"],
    ["en;q=0.5, de;q=0.5", "en"],
    ["*", "en"],
    ["constructor", "en"],
    ["ko;q=0", "en"],
    ["korean", "en"],
    ["ko;q=x, en", "en"],
    [`${",".repeat(10_000)}ko`, "en"],
  ])("Accept-Language %j is %s", (header, language) => {
    expect(languageOf(header)).toBe(language);
  });

  const READER = { email: "kim@example.com", from: "Example News <news@example.com>", list: null, token: "TOKEN" };
  const textOf = (page: string) =>
    page
      .replace(/<style>[^]*<\/style>/, "")
      .replace(/<[^>]+>/g, " ")
      .replace(/\s+/g, " ");

  const pagesOf = (language: Language, reader: Reader, fromAll: boolean) => [
    askPage(language, reader),
    donePage(language, reader, { at: "", fromAll }),
    backPage(language, reader, { fromAll }),
    blockedPage(language, reader),
  ];

  it.each(Object.keys(WORDS) as Language[])("speaks %s throughout, and names the sender", (language) => {
    const words = WORDS[language];
    const titles = [words.ask, words.done, words.back, words.blocked];
    const pages = pagesOf(language, READER, true);
    const ofList = pagesOf(language, { ...READER, list: "Bienen" }, false).slice(0, 3);
    for (const page of ofList) expect(textOf(page)).toContain("Bienen");
    for (const [index, page] of [...pages.entries(), ...ofList.entries()]) {
      expect(page).toContain(`<html lang="${language}">`);
      expect(page).toContain(`<title>${titles[index]}</title>`);
      expect(textOf(page).split("Example News").length - 1).toBe(2);
      expect(textOf(page)).toContain("news@example.com");
      expect(textOf(page)).toContain("k•••@example.com");
      expect(textOf(page)).not.toMatch(/[{}]/);
    }
    expect(textOf(unknownPage(language))).toContain(words.cutOff);
    expect(textOf(gonePage(language))).toContain(words.newest);
    // Nothing is left in English.
    const english = language === "en" ? [] : Object.values(WORDS.en);
    expect(english.filter((text) => Object.values(words).includes(text))).toEqual([]);
    expect(Object.keys(words)).toEqual(Object.keys(WORDS.en));
  });

  it.each([
    ["news@example.com", "news@example.com"],
    ["{{ shop }} <news@example.com>", "news@example.com"],
    ['"Na, me" <news@example.com>', "Na, me"],
    ["한국 소식 <news@example.com>", "한국 소식"],
    ["<b>x</b> <news@example.com>", "&lt;b&gt;x&lt;/b&gt;"],
    ["a\u202eb <news@example.com>", "a\\u202eb"],
  ])("names the sender %j", (from, shown) => {
    expect(askPage("en", { ...READER, from })).toContain(`Stop mail from <bdi><strong>${shown}</strong></bdi>`);
  });

  it("escapes the address", () => {
    const page = askPage("en", { ...READER, email: `<i>"@x.example` });
    expect(page).toContain("&lt;•••@x.example");
    expect(page).not.toContain("<i>");
  });
});
