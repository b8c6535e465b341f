/** Results of those who send what was handed over, into a real store. */
import { describe, expect, it } from "vitest";
import { AwayError } from "../../../src/errors.ts";
import type { Store } from "../../../src/store/store.ts";
import { outletUuid } from "../../../src/store/rules/outlet-uuid.ts";
import { encodeResult, readResult } from "../../../src/work/brokers/result-body.ts";
import {
  createResultsHandler,
  noResults,
  resultsPlace,
  retryResult,
  type ResultsParts,
} from "../../../src/work/brokers/results.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import fc from "../../support/properties.ts";
import { handedOver, ingest, messagesOf, settle, states, turn } from "../../support/store-actions.ts";
import { prepareSqlite } from "../../store/sqlite/bench.ts";

const bytes = (json: unknown): Uint8Array => Buffer.from(typeof json === "string" ? json : JSON.stringify(json));

let sequence = 0;
const delivery = (json: unknown) => ({ id: `messages#${++sequence}`, body: bytes(json) });

async function scene(
  people: readonly string[] = ["a@x.example"],
  given: (store: Store) => Partial<ResultsParts> = () => ({}),
) {
  const { open } = await prepareSqlite();
  const store = await open();
  await ingest(store, [...people]);
  const { claims } = await turn(store, people.length);
  await settle(store, ...claims.map((claim) => handedOver(claim)));
  const counts = noResults();
  const told: string[] = [];
  const foreign: number[] = [];
  const parts = { store, counts, clock: new ManualClock(), signal: new AbortController().signal };
  const onDead = ({ reason }: { reason: string }) => void told.push(reason);
  const onForeign = (count: number) => void foreign.push(count);
  const handle = createResultsHandler({ ...parts, onDead, onForeign, ...given(store) });
  return {
    store,
    claims,
    counts,
    told,
    foreign,
    handle,
    uuid: (at: number) => outletUuid(store.jobId, claims[at]?.id ?? 0, 1_000),
  };
}

describe("a result", () => {
  it("settles its message, and is acknowledged when it comes again", async () => {
    const { store, handle, uuid, counts } = await scene();
    const result = { uuid: uuid(0).toUpperCase(), state: "sent", ses_message_id: "ses-1", at: "2026-01-01T00:00:00Z" };
    expect(await handle([delivery(result)])).toEqual([{ kind: "done" }]);
    expect(await handle([delivery(result)])).toEqual([{ kind: "done" }]);
    expect(await messagesOf(store)).toMatchObject([{ state: "sent", sesMessageId: "ses-1" }]);
    expect(counts).toEqual({ applied: 1, known: 1, dead: 0, foreign: 0 });
  });

  it("that contradicts what is settled changes nothing, and is no dead letter", async () => {
    const { store, handle, uuid, counts } = await scene();
    const all = [
      { state: "sent", ses_message_id: "ses-1" },
      { state: "sent", ses_message_id: "ses-2" },
      { state: "failed", error: "no such mailbox" },
      { state: "in_doubt" },
      { state: "cancelled" },
    ];
    for (const each of all) expect(await handle([delivery({ uuid: uuid(0), ...each })])).toEqual([{ kind: "done" }]);
    expect(await messagesOf(store)).toMatchObject([{ state: "sent", sesMessageId: "ses-1" }]);
    expect(counts).toEqual({ applied: 1, known: 4, dead: 0, foreign: 0 });
  });

  it("about mail that others handed over is acknowledged and counted, and is no dead letter", async () => {
    const { store, handle, uuid, counts, foreign } = await scene();
    const verdicts = await handle([
      delivery({ uuid: "message-1", state: "sent" }),
      delivery({ uuid: "0189d3f0-0000-7000-8000-000000000001", state: "failed", error: "no such mailbox" }),
      delivery({ uuid: outletUuid("ffffffffffffffff", 1, 1_000), state: "sent" }),
      delivery({ uuid: uuid(0), state: "sent" }),
    ]);
    expect(verdicts).toEqual(verdicts.map(() => ({ kind: "done" })));
    expect(await states(store)).toEqual({ "a@x.example": "sent" });
    expect(await store.deadLetters({ before: null, limit: 10 })).toEqual([]);
    expect(counts).toEqual({ applied: 1, known: 0, dead: 0, foreign: 3 });
    expect(foreign).toEqual([3]);
    expect(await retryResult(store, { body: bytes({ uuid: "message-1", state: "sent" }) })).toBeNull();
  });

  it("that nobody can read, or that is about no message of ours that was handed over, is kept with its reason; the others are applied", async () => {
    const { store, handle, uuid, counts, told } = await scene(["a@x.example", "b@x.example"]);
    await ingest(store, ["waits@x.example"], { topic: "july" });
    const [waits] = await store.messagesTo("waits@x.example", 1);
    const verdicts = await handle([
      delivery("{"),
      delivery({ uuid: uuid(0), state: "delivered" }),
      delivery({ uuid: uuid(0), state: "failed", error: "no such mailbox", producer: "old" }),
      delivery({ uuid: outletUuid(store.jobId, 999_999, 1_000), state: "sent" }),
      delivery({ uuid: outletUuid(store.jobId, waits?.id ?? 0, 1_000), state: "sent" }),
      delivery({ uuid: uuid(1), state: "suppressed" }),
    ]);
    expect(verdicts.map(({ kind }) => kind)).toEqual(["refused", "refused", "done", "refused", "refused", "done"]);
    expect(await states(store)).toEqual({ "a@x.example": "failed", "b@x.example": "suppressed" });
    const letters = await store.deadLetters({ before: null, limit: 10 });
    expect(letters.map(({ source }) => source)).toEqual(Array.from({ length: 4 }, () => "results"));
    expect(new Set(letters.map(({ reason }) => reason))).toEqual(new Set(told));
    expect(told[1]).toBe("state is none of sent, failed, in_doubt, suppressed, cancelled");
    expect(told[3]).toMatch(/^no message waits for the result sent of /);
    expect(counts).toEqual({ applied: 2, known: 0, dead: 4, foreign: 0 });
  });

  it("that comes too early comes again", async () => {
    const { store, handle } = await scene();
    await ingest(store, ["b@x.example"], { topic: "july" });
    const [claim] = (await turn(store, 1)).claims;
    const result = delivery({ uuid: outletUuid(store.jobId, claim?.id ?? 0, 1_000), state: "failed" });
    expect(await handle([result])).toEqual([{ kind: "later", afterMs: 500 }]);
    expect(await retryResult(store, result)).toMatch(/try again/);
    await settle(store, handedOver(claim));
    expect(await handle([result])).toEqual([{ kind: "done" }]);
    expect(await states(store, "july")).toEqual({ "b@x.example": "failed" });
  });

  it("waits for a store that is away", async () => {
    let away = 2;
    const { store, handle, uuid } = await scene(["a@x.example"], (real) => ({
      store: {
        jobId: real.jobId,
        keepDead: (letters) => real.keepDead(letters),
        settleHanded: async (results) => {
          if (away-- > 0) throw new AwayError("the database is away");
          return real.settleHanded(results);
        },
      },
    }));
    expect(await handle([delivery({ uuid: uuid(0), state: "sent" })])).toEqual([{ kind: "done" }]);
    expect(await states(store)).toEqual({ "a@x.example": "sent" });
  });

  it("that is dead is applied again when a person says so, and stays dead while nobody waits for it", async () => {
    const { store, uuid } = await scene();
    expect(await retryResult(store, { body: bytes("?") })).toMatch(/no JSON object/);
    expect(await retryResult(store, { body: bytes({ uuid: uuid(0), state: "sent" }) })).toBeNull();
    expect(await retryResult(store, { body: bytes({ uuid: uuid(0), state: "sent" }) })).toBeNull();
    expect(await states(store)).toEqual({ "a@x.example": "sent" });
  });
});

describe("the body of a result", () => {
  it("is read as it was written", () => {
    const report = {
      messageId: 1,
      via: "nats" as const,
      name: "u-1",
      topic: "june",
      state: "failed" as const,
      sesMessageId: null,
      error: "no such mailbox",
      at: null,
    };
    const at = Date.UTC(2026, 0, 1);
    expect(readResult(encodeResult(report, at))).toEqual({
      uuid: "u-1",
      state: "failed",
      sesMessageId: null,
      error: "no such mailbox",
      at,
    });
    const sent = { ...report, state: "sent" as const, sesMessageId: "ses-1", error: null, at: at - 5 };
    expect(readResult(encodeResult(sent, at))).toMatchObject({ state: "sent", sesMessageId: "ses-1", at: at - 5 });
  });

  it.each([
    [{ at: 1_767_225_600 }, { at: 1_767_225_600_000 }],
    [{ at: 1_767_225_600_000 }, { at: 1_767_225_600_000 }],
    [{ at: "soon" }, { at: null }],
    [{ at: {} }, { at: null }],
    [{ ses_message_id: "a b" }, { sesMessageId: null }],
    [{ ses_message_id: "x".repeat(300) }, { sesMessageId: null }],
    [{ error: "" }, { error: null }],
    [{ error: "x".repeat(5_000) }, { error: "x".repeat(1_000) }],
  ])("may have members that say nothing: %j", (given, read) => {
    expect(readResult(bytes({ uuid: "u", state: "sent", ...given }))).toMatchObject(read);
  });

  it("never throws, whatever comes", () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), fc.json().map(bytes)), (body) => {
        const read = readResult(body);
        expect("wrong" in read ? read.wrong : read.uuid).not.toBe("");
      }),
    );
  });
});

it("results are read of the stream of the mail when it takes them, else of a stream of their own", () => {
  expect(resultsPlace("messages.results", "messages")).toEqual({
    stream: "messages",
    subject: "messages.results",
    consumer: "ses-mail-results",
  });
  expect(resultsPlace("told.mail", "messages")).toMatchObject({ stream: "told-mail", subject: "told.mail" });
});
