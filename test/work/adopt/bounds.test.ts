/** What an adoption keeps in memory has an end, however many rows there are and whatever is wrong with them. */
import { expect, it } from "vitest";
import type { ForeignContent, ForeignRow } from "../../../src/store/foreign.ts";
import { Examiner } from "../../../src/work/adopt/examine.ts";
import { Taker } from "../../../src/work/adopt/take.ts";
import { ENVELOPE } from "../../intake/broker/bench.ts";

const AROUND = { envelope: ENVELOPE, tracking: null };

const row = (number: number, more: Partial<ForeignRow> = {}): ForeignRow => ({
  id: String(number),
  topic: "news",
  email: "ann@example.com",
  contentId: String(number),
  createdAt: 0,
  scheduledAt: null,
  updatedAt: null,
  sesMessageId: null,
  error: null,
  proof: null,
  ...more,
});

const examiner = (content: ForeignContent | null) =>
  new Examiner({ program: "aws-ses-sender", content: async () => content }, AROUND, 0);

it.each([null, { subject: null, html: null }, { subject: "Hello", html: "" }])(
  "a content such as %j counts, although there is little or nothing in it",
  async (content) => {
    const examining = examiner(content);
    for (let number = 0; number < 100; number++)
      await examining.examine(row(number), "created", { uuid: `u${number}`, topic: null });
    expect(examining.characters).toBeGreaterThanOrEqual(100_000);
  },
);

it("names of topics are forgotten when there are many, also of rows that are all rejected", async () => {
  // A name that has two forms is asked for in the store, unless it is remembered.
  let asked = 0;
  const taker = new Taker({
    foreign: { program: "aws-ses-sender" },
    store: {
      knownUuids: async () => new Set(),
      topic: async (name) => (name === "é 0" && asked++, null),
      accept: async () => [],
    },
    rejects: null,
    examiner: examiner(null),
    dryRun: false,
    now: 0,
  });
  const rows = Array.from({ length: 10_001 }, (_, number) => row(number, { topic: `é ${number}` }));
  await taker.take(rows, "created", () => null);
  await taker.take([row(0, { topic: "é 0" })], "created", () => null);
  expect(taker.figures.rejected).toBe(10_002);
  expect(asked).toBe(2);
});
