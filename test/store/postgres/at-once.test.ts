/** Several handles at once, each doing what it likes: nobody is claimed by two, counters are counts, and nobody waits for ever. */
import { describe, expect, it, onTestFinished } from "vitest";
import type { Claim, Settlement } from "../../../src/deliver/source.ts";
import { STATES } from "../../../src/message.ts";
import { openStore } from "../../../src/store/postgres/store.ts";
import type { Store } from "../../../src/store/store.ts";
import { systemClock } from "../../../src/time/clock.ts";
import { startPostgres } from "../../support/postgres.ts";
import { requireServers } from "../../support/servers.ts";
import { EVERYTHING, failed, inDoubt, ingest, putBack, putBackFor, sent } from "../../support/store-actions.ts";
import { dice } from "../../support/story.ts";
import { accept, message } from "../bench.ts";

const TURNS = 200;
const SENDERS = 4;
const TOPICS = ["june", "july", "august"];

/** Who holds which message, as those who take turns see it. */
interface World {
  holders: Map<number, string>;
  sent: Set<number>;
}

async function sends(store: Store, name: string, roll: () => number, world: World): Promise<void> {
  let mine: Claim[] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    const [answered, kept] = [mine.filter(() => roll() < 0.8), [] as Claim[]];
    for (const claim of mine) if (!answered.includes(claim)) kept.push(claim);
    const settlements = answered.map((claim) => answerTo(claim, roll()));
    // From the call on, others may have what is put back.
    for (const { id, kind } of settlements) {
      world.holders.delete(id);
      if (kind === "sent") world.sent.add(id);
    }
    const room = Math.floor(roll() * 8);
    const rest = { perSecond: 1e9, withinMs: 1_000, scope: EVERYTHING, departed: [], throttledAgoMs: null };
    const { claims } = await store.turn({ settlements, room, ...rest });
    for (const { id } of claims) {
      expect(world.holders.get(id), `message ${id}, claimed by ${name}`).toBeUndefined();
      expect(world.sent.has(id), `message ${id} is sent`).toBe(false);
      world.holders.set(id, name);
    }
    mine = [...kept, ...claims];
  }
  const settlements = mine.map((claim) => sent(claim));
  for (const { id } of mine) world.sent.add(id);
  await store.turn({
    settlements,
    room: 0,
    perSecond: 1,
    withinMs: 0,
    scope: EVERYTHING,
    departed: [],
    throttledAgoMs: null,
  });
}

function answerTo(claim: Claim, roll: number): Settlement {
  if (roll < 0.6) return sent(claim);
  if (roll < 0.7) return failed(claim);
  if (roll < 0.75) return inDoubt(claim);
  return roll < 0.9 ? putBack(claim) : putBackFor(claim, 5);
}

/** People and programs that change topics meanwhile. */
async function disturbs(store: Store, roll: () => number, isOver: () => boolean): Promise<void> {
  for (let step = 0; !isOver(); step++) {
    const topic = TOPICS[Math.floor(roll() * TOPICS.length)] ?? "june";
    const emails = Array.from({ length: 5 }, () => `p${Math.floor(roll() * 900)}@x.example`);
    const what = Math.floor(roll() * 5);
    if (what === 0) await accept(store, [message(emails, { topic: null })]);
    else if (what === 1) await store.suppress([{ address: emails[0] ?? "", reason: "bounce", source: "test" }]);
    else if (what === 2) await store.retry(topic, ["cancelled", "suppressed"]);
    else if (what === 3) await store.recover();
    else if (step % 20 === 0) await store.cancel(topic);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe.skipIf(requireServers("postgres"))("several handles at once", { timeout: 180_000 }, () => {
  it.each([1, 2])(
    "claim each message for one of them, count what there is, and never wait in a circle: %i",
    async (seed) => {
      const server = await startPostgres();
      onTestFinished(() => server.dispose());
      const open = async (): Promise<Store> => openStore(server.url, systemClock);
      const stores = await Promise.all(Array.from({ length: SENDERS + 1 }, open));
      const [first] = stores;
      if (first === undefined) throw new Error("no store");
      for (const topic of TOPICS)
        await ingest(
          first,
          Array.from({ length: 600 }, (_, n) => `p${n}@x.example`),
          { topic },
        );
      const world: World = { holders: new Map(), sent: new Set() };
      let over = false;
      const senders = stores.slice(1).map((store, at) => sends(store, `sender ${at}`, dice(seed * 10 + at), world));
      const disturbance = disturbs(first, dice(seed), () => over);
      await Promise.all(senders);
      over = true;
      await disturbance;
      const counted = `select t.name, ${STATES.map((state) => `c.${state}`).join(", ")} from ses_mail.topic t
      join ses_mail.topic_count c on c.topic_id = t.id order by t.name`;
      const there = `select t.name, ${STATES.map((state) => `count(*) filter (where m.state = '${state}') as ${state}`).join(", ")}
      from ses_mail.topic t left join ses_mail.message m on m.topic_id = t.id group by t.name order by t.name`;
      expect(await server.query(counted)).toEqual(await server.query(there));
      expect(await server.query("select count(*)::int as n from ses_mail.message where state = 'sending'")).toEqual([
        { n: 0 },
      ]);
      const written = await server.query("select id from ses_mail.message where state = 'sent'");
      expect(written.map(({ id }) => Number(id)).sort((a, b) => a - b)).toEqual([...world.sent].sort((a, b) => a - b));
      expect(world.sent.size).toBeGreaterThan(300);
      const log = await server.log();
      expect(log).not.toMatch(/deadlock/);
      expect(log.split("\n").filter((line) => /ERROR|FATAL|PANIC/.test(line) && !/lock timeout/.test(line))).toEqual(
        [],
      );
      await Promise.all(stores.map((store) => store.close()));
      expect(await server.query("select count(*)::int as n from ses_mail.handle")).toEqual([{ n: 0 }]);
    },
  );
});
