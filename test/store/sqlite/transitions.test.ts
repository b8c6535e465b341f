/** What really moves a message in a job file, against the table of transitions. */
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { Claim, Settlement } from "../../../src/deliver/source.ts";
import type { SesEvent } from "../../../src/feedback/ses-event.ts";
import type { State } from "../../../src/message.ts";
import type { Past } from "../../../src/store/rows.ts";
import { TopicRefusedError } from "../../../src/store/rules/admit.ts";
import { type Cause, RETRIABLE, TRANSITIONS } from "../../../src/store/rules/states.ts";
import { type Connection, Database } from "../../../src/store/sqlite/driver.ts";
import { openStore } from "../../../src/store/sqlite/store.ts";
import type { Store } from "../../../src/store/store.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import fc from "../../support/properties.ts";
import {
  EVERYTHING,
  failed,
  handedOver,
  inDoubt,
  ingest,
  putBack,
  putBackFor,
  sent,
  settle,
  turn,
} from "../../support/store-actions.ts";
import { accept, message } from "../bench.ts";
import { expectSoundFile } from "./bench.ts";

const EMAIL = "a@x.example";
/** Longer than anything here takes, and then the message of the list has expired. */
const LONG_MS = 30 * 86_400_000;
const FOLDER = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

/** One message, the process that sends it, and another one. */
class World {
  readonly clock: ManualClock;
  readonly sender: Store;
  readonly other: Store;
  /** Of the message, as the sender got it last. */
  claim: Claim | undefined;
  readonly #db: Connection;
  #events = 0;

  private constructor(db: Connection, clock: ManualClock, stores: { sender: Store; other: Store }) {
    this.#db = db;
    this.clock = clock;
    this.sender = stores.sender;
    this.other = stores.other;
  }

  static async open(path: string): Promise<World> {
    const clock = new ManualClock();
    const stores = { sender: await openStore(path, clock), other: await openStore(path, clock) };
    const db = new Database(path);
    db.exec(`
      create table move (old text, new text);
      create trigger added after insert on message begin insert into move values (null, new.state); end;
      create trigger moved after update of state on message when old.state <> new.state
        begin insert into move values (old.state, new.state); end`);
    return new World(db, clock, stores);
  }

  async close(): Promise<void> {
    for (const each of [this.#db, this.sender, this.other]) await each.close();
  }

  get state(): State | null {
    return this.#db.prepare<[], State>("select state from message").pluck().get() ?? null;
  }

  /** The moves since it was asked last. */
  moves(): { old: State | null; new: State }[] {
    return this.#db.prepare<[], { old: State | null; new: State }>("delete from move returning old, new").all();
  }

  event(given: Partial<SesEvent>): SesEvent {
    return {
      key: `event ${++this.#events}`,
      type: "delivery",
      rawType: "Delivery",
      sesMessageId: "ses-1",
      jobId: this.sender.jobId,
      messageId: 1,
      at: 1_000,
      mailedAt: 500,
      destination: [EMAIL],
      recipients: [],
      feedbackId: null,
      machine: false,
      unsubscribes: false,
      link: null,
      reason: null,
      bounceType: null,
      bounceSubType: null,
      complaintType: null,
      suppressions: [],
      ...given,
    };
  }
}

/** Something that is done, and what may move the message by it. */
interface Deed {
  by: (before: State | null) => readonly Cause[];
  act: (world: World) => Promise<unknown>;
}

const by =
  (...causes: Cause[]) =>
  () =>
    causes;

const ofTopic =
  (act: (store: Store) => Promise<unknown>): Deed["act"] =>
  async ({ other }) =>
    (await other.topic("june")) === null ? undefined : act(other);

const orRefused = (work: Promise<unknown>): Promise<unknown> =>
  work.catch((error: unknown) => {
    if (!(error instanceof TopicRefusedError)) throw error;
  });

const answer = (settlementOf: (claim: Claim) => Settlement): Deed => ({
  by: (before) => (before === "in_doubt" ? ["late answer"] : ["answer"]),
  act: async ({ sender, claim }) => claim && settle(sender, settlementOf(claim)),
});

const RESULTS = ["sent", "failed", "in_doubt", "suppressed", "cancelled"] as const;

const adopt = (past: Past): Deed => ({
  by: by("adopt"),
  act: ({ other }) => accept(other, [message([EMAIL], { past })]),
});

const DEEDS: Record<string, Deed> = {
  list: {
    by: by("add"),
    act: ({ other }) =>
      ingest(other, [EMAIL], { expiresInMs: LONG_MS }).catch((error: unknown) =>
        expect(error).toBeInstanceOf(TopicRefusedError),
      ),
  },
  request: { by: by("add"), act: ({ other }) => accept(other, [message([EMAIL])]) },
  adoptSent: adopt({ state: "sent", sesMessageId: "ses-old", sentAt: 1 }),
  adoptInDoubt: adopt({ state: "in_doubt", error: "it stopped" }),
  adoptFailed: adopt({ state: "failed", error: "refused" }),
  adoptCancelled: adopt({ state: "cancelled" }),
  claim: {
    by: by("claim"),
    act: async (world) => {
      const [claim] = (await turn(world.sender, 1)).claims;
      world.claim = claim ?? world.claim;
    },
  },
  rehearse: {
    by: by("claim"),
    act: async (world) => {
      const [claim] = (await turn(world.sender, 1, { scope: { ...EVERYTHING, endpoint: "sandbox" } })).claims;
      world.claim = claim ?? world.claim;
    },
  },
  expire: {
    by: by("expire"),
    act: async ({ clock, other }) => {
      clock.pass(LONG_MS);
      await other.expire(null);
    },
  },
  startAfresh: {
    // It first puts in doubt what dead processes left: after so long the lease of the sender may be over.
    by: by("start afresh", "process died"),
    act: ofTopic((store) =>
      orRefused(store.startAfresh("june", { signal: new AbortController().signal, notBefore: null })),
    ),
  },
  sent: answer(sent),
  failed: answer(failed),
  inDoubt: answer(inDoubt),
  putBack: answer((claim) => putBack(claim)),
  putBackLater: answer((claim) => putBackFor(claim, 9_999)),
  handOver: answer((claim) => handedOver(claim)),
  ...Object.fromEntries(
    RESULTS.map((state): [string, Deed] => [
      `result ${state}`,
      {
        by: by("result"),
        act: ({ other }) => other.settleHanded([{ messageId: 1, state, sesMessageId: null, error: null, at: null }]),
      },
    ]),
  ),
  noResult: {
    by: by("no result"),
    act: ({ clock, other }) => {
      clock.pass(1);
      return other.doubtHanded(0);
    },
  },
  processDied: {
    by: by("process died"),
    act: async ({ clock, other }) => {
      clock.pass(61_000);
      await other.recover();
    },
  },
  delivery: { by: by("event"), act: (world) => world.other.applyEvents([world.event({})]) },
  hardBounce: {
    by: by("event", "suppress"),
    act: (world) =>
      world.other.applyEvents([
        world.event({
          type: "bounce",
          bounceType: "Permanent",
          suppressions: [{ address: EMAIL, leaves: { kind: "everything" }, reason: "bounce", detail: "" }],
        }),
      ]),
  },
  foreignBounce: {
    by: by("suppress"),
    act: (world) =>
      world.other.applyEvents([
        world.event({
          jobId: "another",
          suppressions: [{ address: EMAIL, leaves: { kind: "everything" }, reason: "bounce", detail: "" }],
        }),
      ]),
  },
  legacyDelivery: {
    by: by("event"),
    act: async (world) => {
      await world.other.applyEvents([world.event({ jobId: null, messageId: null })]);
      await world.other.matchKeptEvents();
    },
  },
  open: {
    by: by("visit"),
    act: ({ other, clock }) =>
      other.applyVisits([{ kind: "open", messageId: 1, at: clock.now(), machine: true, link: null }]),
  },
  click: {
    by: by("visit"),
    act: ({ other, clock }) =>
      other.applyVisits([{ kind: "click", messageId: 1, at: clock.now(), machine: false, link: "https://x.example/" }]),
  },
  cancel: { by: by("cancel"), act: ofTopic((store) => store.cancel("june")) },
  suppress: {
    by: by("suppress"),
    act: ({ other }) => other.suppress([{ address: EMAIL, reason: "manual", source: "test" }]),
  },
  unsuppress: { by: by(), act: ({ other }) => other.unsuppress([EMAIL]) },
  reschedule: {
    by: by(),
    act: ofTopic((store) => orRefused(store.reschedule("june", { notBefore: 0, times: null }))),
  },
  ...Object.fromEntries(
    RETRIABLE.map((state): [string, Deed] => [
      `retry ${state}`,
      { by: by("retry"), act: ofTopic((store) => store.retry("june", [state])) },
    ]),
  ),
};
type Name = string;

const ALLOWED = new Set(
  TRANSITIONS.flatMap(({ from, to, by }) => by.map((cause) => `${from ?? "new"} → ${to}: ${cause}`)),
);

/** Does one thing. Returns its moves as the table has them, or else with the name of what was done. */
async function perform(world: World, name: Name): Promise<string[]> {
  const deed = DEEDS[name];
  if (!deed) throw new Error(`there is no deed ${name}`);
  const causes = deed.by(world.state);
  await deed.act(world);
  return world.moves().map(({ old, new: to }) => {
    const move = `${old ?? "new"} → ${to}`;
    const cause = causes.find((each) => ALLOWED.has(`${move}: ${each}`));
    return `${move}: ${cause ?? `not in the table, by ${name}`}`;
  });
}

/** Does one thing after the other with a new message. Returns every move. */
async function play(names: readonly Name[]): Promise<string[]> {
  const folder = await mkdtemp(join(FOLDER, "ses-mail-moves-"));
  const path = join(folder, "job.db");
  const world = await World.open(path);
  try {
    const moves = [];
    for (const name of names) moves.push(...(await perform(world, name)));
    expectSoundFile(path);
    return moves;
  } finally {
    await world.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Every state, and every circumstance that makes a difference to where a message goes from there. */
const BEGINNINGS: readonly Name[][] = [
  [],
  ["suppress"],
  ["list"],
  ["list", "claim"],
  ["list", "claim", "cancel"],
  ["list", "claim", "suppress"],
  ["list", "claim", "delivery"],
  ["list", "claim", "open"],
  ["list", "claim", "sent"],
  ["list", "claim", "failed"],
  ["list", "claim", "failed", "suppress"],
  ["list", "claim", "inDoubt"],
  ["list", "claim", "handOver"],
  ["list", "claim", "handOver", "result cancelled"],
  ["list", "claim", "handOver", "result suppressed"],
  ["list", "claim", "processDied"],
  ["list", "claim", "processDied", "suppress"],
  ["list", "rehearse"],
  ...["sent", "failed", "inDoubt"].flatMap((end) => [
    ["list", "rehearse", end],
    ["list", "rehearse", end, "suppress"],
  ]),
  ["list", "rehearse", "putBack", "suppress", "unsuppress"],
  ["list", "rehearse", "putBack", "expire"],
  ["list", "rehearse", "putBack", "expire", "suppress"],
  ["list", "claim", "expire"],
  ["list", "cancel"],
  ["list", "cancel", "suppress"],
  ["list", "suppress"],
  ["list", "suppress", "unsuppress"],
];

/** What is adopted again is a duplicate, which changes nothing. */
const deedsAfter = (beginning: readonly Name[]): Name[] =>
  Object.keys(DEEDS).filter((name) => beginning.length === 0 || !name.startsWith("adopt"));

it("whatever is done to a message in any state moves it along the table, and along every arrow of it", async () => {
  const happened = new Set<string>();
  for (const beginning of BEGINNINGS)
    for (const name of deedsAfter(beginning)) for (const move of await play([...beginning, name])) happened.add(move);
  expect([...happened].sort()).toEqual([...ALLOWED].sort());
}, 240_000);

it("no history of a message has a move that is not in the table", async () => {
  const deeds = fc.array(fc.constantFrom(...Object.keys(DEEDS)), { minLength: 5, maxLength: 25, size: "max" });
  await fc.assert(
    fc.asyncProperty(deeds, async (names) => {
      const moves = await play(["list", ...names]);
      expect(moves.filter((move) => !ALLOWED.has(move))).toEqual([]);
    }),
    { numRuns: 60 },
  );
}, 120_000);
