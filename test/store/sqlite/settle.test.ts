/** The statements that write answers against the rule they stand for: the quick way of nearly all answers, and the slow one. */
import { expect, it } from "vitest";
import type { Settlement } from "../../../src/deliver/source.ts";
import type { State } from "../../../src/message.ts";
import { NOBODY } from "../../../src/store/rules/handed.ts";
import { decide } from "../../../src/store/rules/settle.ts";
import { waitUntil } from "../../../src/store/rules/due.ts";
import type { Store } from "../../../src/store/store.ts";
import fc from "../../support/properties.ts";
import { EVERYTHING, failed, ingest, inDoubt, putBack, sent, settle, turn } from "../../support/store-actions.ts";
import { expectSoundFile, inspect, prepareSqlite, rows } from "./bench.ts";

interface Row {
  state: State;
  attempts: number;
  claimed_by: number | null;
  ses_message_id: string | null;
  error: string | null;
  sent_at: number | null;
  not_before: number;
}

const COLUMNS = "state, attempts, claimed_by, ses_message_id, error, sent_at, not_before";

/** Who holds the message when the answer comes: who brings it, another process, or nobody because it is settled. */
const HOLDERS = ["mine", "other", "lost", "sent", "failed", "pending"] as const;

const CASE = fc.record({
  holder: fc.constantFrom(...HOLDERS),
  kind: fc.constantFrom(
    "sent" as const,
    "failed" as const,
    "in_doubt" as const,
    "put_back" as const,
    "handed_over" as const,
  ),
  delayMs: fc.option(fc.constantFrom(1, 2_000)),
  attempted: fc.boolean(),
  isScheduled: fc.boolean(),
  isSuppressed: fc.boolean(),
  isCancelled: fc.boolean(),
});
type Case = typeof CASE extends fc.Arbitrary<infer Each> ? Each : never;

function settlementOf(
  { kind, delayMs, attempted }: Case,
  { id, topicId }: { id: number; topicId: number },
): Settlement {
  if (kind === "sent") return { kind, id, topicId, sesMessageId: `ses-of-${id}` };
  if (kind === "put_back") return { kind, id, delayMs, attempted, error: "later" };
  if (kind === "handed_over") return { kind, id, subject: "Hello", name: "there" };
  return { kind, id, error: "why" };
}

it("whatever is held and answered, the row becomes what the rule says: also by the one statement of a plain answer", async () => {
  const { open, clock, path } = await prepareSqlite();
  const [mine, other] = [await open(), await open()];
  let cases = 0;
  await fc.assert(
    fc.asyncProperty(CASE, async (given) => {
      const { holder, isSuppressed, isCancelled } = given;
      const [topic, email] = [`topic ${++cases}`, `a${cases}@x.example`];
      await ingest(mine, [email], { topic, at: given.isScheduled ? clock.now() + 1 : 0 });
      clock.pass(1);
      const [ids] = rows(path, "select max(id) as id, max(topic_id) as topicId from message") as [Ids];
      const lose = async () => {
        clock.pass(61_000);
        await turn(other, 0);
        await other.recover();
      };
      await bringAbout(holder, topic, { mine, other, lose });
      if (isSuppressed) await mine.suppress([{ address: email, reason: "bounce", source: "test" }]);
      if (isCancelled) await mine.cancel(topic);
      const look = () => rows(path, `select ${COLUMNS} from message where id = ?`, ids.id)[0] as Row;
      const before = look();

      const settlement = settlementOf(given, ids);
      const now = clock.now();
      const steady = () =>
        clock.monotonic() + (rows(path, "select clock_shift as shift from job") as { shift: number }[])[0]!.shift;
      await settle(mine, settlement);

      const held = { state: before.state, isMine: before.state === "sending" && holder === "mine" };
      const move = decide({ ...held, isSuppressed, isCancelled, isExpired: false }, settlement);
      expect(look()).toEqual(move === null ? before : moved(before, move, now, steady()));
      expectSoundFile(path);
    }),
  );
});

interface Ids {
  id: number;
  topicId: number;
}

/** Makes the topic's message `holder`'s. */
async function bringAbout(
  holder: (typeof HOLDERS)[number],
  topic: string,
  { mine, other, lose }: { mine: Store; other: Store; lose: () => Promise<void> },
): Promise<void> {
  // Both have a name to hold messages under, and theirs is no other's.
  for (const store of [mine, other]) await turn(store, 0);
  if (holder === "pending") return;
  const scope = { ...EVERYTHING, topic };
  const [claim] = (await turn(holder === "other" || holder === "failed" ? other : mine, 1, { scope })).claims;
  if (holder === "sent") await settle(mine, sent(claim));
  if (holder === "failed") await settle(other, failed(claim));
  if (holder === "lost") await lose();
}

function moved(before: Row, move: NonNullable<ReturnType<typeof decide>>, now: number, steady: number): Row {
  const common = { ...before, state: move.to, claimed_by: null, attempts: before.attempts + move.attempts };
  if (move.to === "sent") return { ...common, ses_message_id: move.sesMessageId, sent_at: now, error: null };
  if (move.to === "sending") return { ...common, claimed_by: NOBODY, error: null };
  if (!("delayMs" in move)) return { ...common, error: move.error };
  const { error, delayMs } = move;
  if (delayMs === null) return { ...common, error };
  // The clock of the test moves a little with each look.
  return { ...common, error, not_before: expect.closeTo(waitUntil(before.not_before, steady + delayMs), -1) as number };
}

it("an answer in the quick way counts the first and the last mail of its topic, as one that settles a doubt does", async () => {
  const { open, clock, path } = await prepareSqlite();
  const store = await open();
  await ingest(store, ["a@x.example", "b@x.example"]);
  const [a, b] = (await turn(store, 2)).claims;
  const start = clock.now();
  await settle(store, sent(a), inDoubt(b));
  clock.pass(1_000);
  await settle(store, sent(b));
  const topic = inspect(path, (db) => db.prepare("select first_sent_at, last_sent_at from topic").get());
  expect(topic).toEqual({ first_sent_at: start, last_sent_at: start + 1_000 });
});

it("of many answers at once each counts as it would alone: those of others, in doubt, late or there twice, too", async () => {
  const { open, path, clock } = await prepareSqlite();
  const [mine, other] = [await open(), await open()];
  await ingest(
    mine,
    Array.from({ length: 60 }, (_, at) => `p${at}@x.example`),
  );
  const { claims } = await turn(mine, 50);
  const theirs = (await turn(other, 10)).claims;
  const [doubtful, late] = [claims.slice(0, 3), claims.slice(3, 6)];
  await settle(mine, ...doubtful.map((claim) => inDoubt(claim)), ...late.map((claim) => sent(claim, "early")));
  const answers = [...claims, ...theirs].map((claim) => sent(claim));
  // Their messages stand between ours, in the middle of what one statement writes.
  answers.splice(10, 0, ...answers.splice(50, 10), sent(claims[20]), failed(claims[49]));
  clock.pass(1_000);
  await settle(mine, ...answers);
  const states = rows(
    path,
    "select state, claimed_by is null as isFree, count(*) as count, sum(attempts) as attempts from message group by 1, 2",
  );
  expect(states).toEqual([
    { state: "failed", isFree: 1, count: 1, attempts: 1 },
    { state: "sending", isFree: 0, count: 10, attempts: 0 },
    { state: "sent", isFree: 1, count: 49, attempts: 49 },
  ]);
  const wrong = "select id, ses_message_id from message where state = 'sent' and ses_message_id <> 'ses-' || id";
  expect(rows(path, wrong)).toEqual(late.map(({ id }) => ({ id, ses_message_id: "early" })));
  expect(rows(path, "select sent, sending, pending, in_doubt, failed from topic")).toEqual([
    { sent: 49, sending: 10, pending: 0, in_doubt: 0, failed: 1 },
  ]);
  expectSoundFile(path);
});

it("of two answers to one call the first counts, also in the middle of many, and claims with gaps take nobody else's", async () => {
  const { open, path, clock } = await prepareSqlite();
  const [mine, other] = [await open(), await open()];
  await ingest(
    mine,
    Array.from({ length: 60 }, (_, at) => `p${at}@x.example`),
  );
  const first = await turn(mine, 20);
  const theirs = (await turn(other, 10)).claims;
  // What goes back leaves gaps: the next turn claims around what the other process holds.
  await settle(mine, ...first.claims.filter((_, at) => at % 3 === 0).map((claim) => putBack(claim)));
  clock.pass(1_000);
  const { claims } = await turn(mine, 60);
  const ids = new Set(claims.map(({ id }) => id));
  expect(theirs.filter(({ id }) => ids.has(id))).toEqual([]);
  const held = "select count(*) as count from message where state = 'sending' group by claimed_by order by count";
  expect(rows(path, held)).toEqual([{ count: 10 }, { count: 50 }]);
  const [early, twice] = [claims[3], claims[5]];
  const answers = claims.map((claim) => sent(claim));
  answers.splice(8, 0, sent(twice, "second"));
  answers.unshift(failed(early));
  await settle(mine, ...answers);
  expect(rows(path, `select state from message where id = ${early?.id}`)).toEqual([{ state: "failed" }]);
  expect(rows(path, `select ses_message_id as id from message where id = ${twice?.id}`)).toEqual([
    { id: `ses-${twice?.id}` },
  ]);
  expectSoundFile(path);
});
