/** A bad request is read no further than its answer tells. */
import { expect, it, vi } from "vitest";
import { readRequest } from "../../src/intake/request.ts";
import { NO_TEMPLATES } from "../support/templates.ts";

const AROUND = {
  now: Date.parse("2026-10-01T00:00:00Z"),
  zone: null,
  tracking: null,
  templates: NO_TEMPLATES,
  envelope: {
    from: "news@example.com",
    replyTo: [],
    headers: [],
    tags: [],
    configurationSet: null,
    unsubscribeUrl: null,
    unsubscribeMailto: null,
  },
};

const message = (more: object) => ({ emails: ["ann@example.com"], subject: "s", content: "<p>x</p>", ...more });
const UNKNOWN = Object.fromEntries(Array.from({ length: 25 }, (_, index) => [`unknown${index}`, index]));
const ADDRESSES = message({ emails: ["nobody", "nowhere", "nothing"] });

it.each([
  ["unknown fields", message(UNKNOWN)],
  ["wrong types", { emails: 5, subject: 5, content: 5 }],
  ["addresses that are none", ADDRESSES],
])("%s: stops when no more would be shown", async (_name, wrong) => {
  const read = vi.fn<() => string>(() => "s");
  const messages = Array.from({ length: 2_000 }, () => ({ ...wrong }));
  // Nobody reads as far as the last one.
  Object.defineProperty(messages.at(-1), "subject", { enumerable: true, get: read });
  const found = await readRequest({ messages }, { ...AROUND, knownUuids: async () => new Set() });
  expect(found).toMatchObject({ kind: "invalid", reason: expect.stringContaining("more than 1000 problems") });
  expect(found.kind === "invalid" && found.problems).toHaveLength(1_001);
  // The shape of addresses that are none is right, so the schema looks at all of them.
  expect(read.mock.calls.length > 0).toBe(wrong === ADDRESSES);
});

it("times in the past: words only those that are told, and asks for uuids once", async () => {
  const messages = Array.from({ length: 10_000 }, (_, index) =>
    message({ uuid: `u${index}`, scheduled_at: "2001-01-01T00:00:00Z" }),
  );
  const knownUuids = vi.fn<(uuids: readonly string[]) => Promise<Set<string>>>(
    async (uuids) => new Set(uuids.slice(0, 10)),
  );
  const found = await readRequest({ messages }, { ...AROUND, knownUuids });
  expect(found.kind === "invalid" && found.problems).toHaveLength(1_001);
  expect(found).toMatchObject({ problems: expect.arrayContaining([{ path: "", message: "and more problems" }]) });
  expect(knownUuids).toHaveBeenCalledTimes(1);
});

it("a time without an offset says that it needs one when nobody named a zone", async () => {
  const body = { messages: [message({ scheduled_at: "2027-01-01 09:00:00" })] };
  const knownUuids = async () => new Set<string>();
  expect(await readRequest(body, { ...AROUND, knownUuids })).toMatchObject({
    kind: "invalid",
    problems: [{ path: "messages[0].scheduled_at", message: expect.stringMatching(/offset.*--tz/) }],
  });
  expect(await readRequest(body, { ...AROUND, zone: "Asia/Seoul", knownUuids })).toMatchObject({
    messages: [{ notBefore: Date.parse("2027-01-01T00:00:00Z") }],
  });
});
