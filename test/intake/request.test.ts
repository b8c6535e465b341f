/** A request for mail, with no HTTP around it. `test/serve/messages.test.ts` has every place that can be wrong. */
import { describe, expect, test } from "vitest";
import { readRequest, type RequestSurroundings } from "../../src/intake/request.ts";
import { MOST_ADDRESSES } from "../../src/intake/schema.ts";
import fc from "../support/properties.ts";
import { NO_TEMPLATES } from "../support/templates.ts";
import { ENVELOPE } from "../support/envelope.ts";

const NOW = Date.UTC(2026, 9, 1);
const HELLO = { emails: ["ann@example.com"], subject: "Hello", content: "<p>Hello</p>" };

const AROUND: RequestSurroundings = {
  now: NOW,
  zone: "Asia/Seoul",
  tracking: null,
  templates: NO_TEMPLATES,
  envelope: ENVELOPE,
  knownUuids: async () => new Set(),
};

const read = (body: unknown, around: Partial<RequestSurroundings> = {}) => readRequest(body, { ...AROUND, ...around });

describe("a request that cannot be taken in", () => {
  test.each([[null], [undefined], [5], ["text"], [[]], [[HELLO]]])("%j is wrong as a whole", async (body) => {
    expect(await read(body)).toEqual({
      kind: "invalid",
      reason: "expected a JSON object with messages",
      problems: null,
    });
  });

  test("names what its shape says and what it cannot say, all at once", async () => {
    const messages = [{ ...HELLO, emails: ["ann@", 5], cc: 1 }, { ...HELLO, scheduled_at: "tomorrow" }, "hello"];
    const found = await read({ messages, "a/b~c": 1 });
    expect(found).toMatchObject({
      kind: "invalid",
      reason: "a/b~c: unknown field (the first of 6 problems)",
      problems: [
        { path: "a/b~c", message: "unknown field" },
        { path: "messages[0].cc", message: "unknown field" },
        { path: "messages[0].emails[1]", message: "expected text" },
        { path: "messages[2]", message: "expected an object" },
        { path: "messages[0].emails[0]" },
        { path: "messages[1].scheduled_at" },
      ],
    });
  });

  test("is not looked into when it is too large", async () => {
    const messages = [{ ...HELLO, emails: Array.from({ length: MOST_ADDRESSES + 1 }, () => 5) }];
    const reason = "Max 10000 emails per request";
    expect(await read({ messages })).toEqual({
      kind: "invalid",
      reason,
      problems: [{ path: "messages", message: reason }],
    });
  });

  test("has no sender; what is too large, or no request at all, is told before that", async () => {
    const none = { envelope: null };
    expect(await read({ messages: [{ ...HELLO, subject: "" }] }, none)).toEqual({ kind: "no-sender" });
    expect(await read({ messages: [] }, none)).toMatchObject({ kind: "invalid" });
    expect(await read(null, none)).toMatchObject({ kind: "invalid" });
  });

  test("whatever it is, is told as a value, in one sentence that fits its problems, and nothing is thrown", async () => {
    const some = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom("", "\ud800", "now", "ann@example.com", null));
    const fields = fc.dictionary(fc.constantFrom(...Object.keys(HELLO), "uuid", "topicId", "scheduledAt", "cc"), some);
    const message = fields.map((given) => ({ ...HELLO, ...given }));
    const body = fc.oneof(some, fc.record({ messages: fc.array(fc.oneof(message, some), { maxLength: 3 }) }));
    await fc.assert(
      fc.asyncProperty(body, async (given) => {
        const before = JSON.stringify(given);
        const found = await read(given);
        expect(JSON.stringify(given)).toBe(before);
        if (found.kind === "messages") return found.messages.length > 0;
        if (found.kind === "no-sender" || found.reason === "") return false;
        const [first] = found.problems ?? [];
        return first === undefined || found.reason.includes(first.message);
      }),
    );
  });
});

describe("a request that can", () => {
  test("is messages in their order, as the store takes them", async () => {
    const tracking = { baseUrl: "https://mail.example.com", opens: true, clicks: false, unsubscribe: true };
    const found = await read(
      {
        messages: [
          { ...HELLO, topic_id: "june", emails: [" Ann@BÜCHER.example "], priority: "high", uuid: "u-1" },
          { ...HELLO, scheduledAt: "2026-10-02T00:00:00Z" },
        ],
        scheduled_at: "2026-10-03 09:00",
      },
      { tracking },
    );
    expect(found).toMatchObject({
      kind: "messages",
      messages: [
        {
          topic: "june",
          emails: ["Ann@xn--bcher-kva.example"],
          priority: 10,
          notBefore: Date.UTC(2026, 9, 3),
          uuid: "u-1",
          content: { from: "News <news@example.com>", subject: "Hello", literal: true, tracking },
        },
        { topic: null, priority: 5, notBefore: Date.UTC(2026, 9, 2), uuid: null },
      ],
    });
  });

  test("may be late when all that is late was taken in before", async () => {
    const asked: string[][] = [];
    const knownUuids = async (uuids: readonly string[]) => {
      asked.push([...uuids]);
      return new Set(["u-1"]);
    };
    const scheduledAt = "2026-09-30T00:00:00Z";
    const late = (uuid: string) => ({ ...HELLO, uuid, scheduledAt });
    expect(await read({ messages: [late("u-1"), HELLO] }, { knownUuids })).toMatchObject({ kind: "messages" });
    expect(await read({ messages: [late("u-1"), late("u-2")] }, { knownUuids })).toMatchObject({
      kind: "invalid",
      problems: [{ path: "messages[1].scheduledAt" }],
    });
    expect(asked).toEqual([["u-1"], ["u-1", "u-2"]]);
  });

  test("costs the store no look-up when nothing is late", async () => {
    const knownUuids = () => Promise.reject(new Error("asked for nothing"));
    expect(await read({ messages: [{ ...HELLO, uuid: "u-1" }] }, { knownUuids })).toMatchObject({ kind: "messages" });
  });
});
