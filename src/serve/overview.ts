/** The overview: a snapshot of the whole gateway, and a feed of it for a limited number of listeners. */
import { leftToday } from "../aws/quota.ts";
import { PassThrough, type Readable } from "node:stream";
import type { Clock } from "../time/clock.ts";
import { countsOf, withRates } from "../report/stats.ts";
import type { TopicRow } from "../store/rows.ts";
import type { DeadLetters, Reader, Suppressions, Topics } from "../store/store.ts";
import type { InletFacts, Overview, TopicFacts, TopicPage } from "./dashboard/wire.ts";
import type { Gateway, InletStatus } from "./gateway.ts";
import { isoTime } from "../time/iso.ts";
import { topicState } from "./topic-state.ts";

/** Topics an overview lists, which is sent again whenever something moves. Older ones are asked for: see `listTopics`. */
const LISTED = 50;
/** The current rate is measured over the last few seconds, as in the progress line of `send`. */
const RATE_WINDOW_MS = 5_000;

type Viewed = Pick<Gateway, "sender" | "settings" | "account" | "held" | "clock" | "inlets"> & {
  store: Topics & Reader & Suppressions & Pick<DeadLetters, "countDead">;
};

/** Reads the store and asks the sender. Nothing is kept between two calls. Rejects when the store cannot be read. */
export async function readOverview(viewed: Viewed): Promise<Omit<Overview, "version">> {
  const { store, sender, settings, account } = viewed;
  const { state, reason, hint, perSecond } = sender.status();
  const { rows } = await store.topicPage({ order: "newest first", after: null, limit: LISTED });
  return {
    endpoint: settings.endpoint,
    sender: {
      state,
      reason,
      hint,
      per_second: perSecond,
      // Answers come in bursts, and what leaves never goes faster than the rate.
      per_second_now: Math.min(perSecond, ((await store.countSentWithin(RATE_WINDOW_MS)) * 1_000) / RATE_WINDOW_MS),
    },
    account: usedUp(account()),
    totals: await store.totals(null),
    suppressions: await store.countSuppressions(),
    dead: await store.countDead(),
    inlets: viewed.inlets().map(inletFacts),
    topic_count: await store.countTopics(),
    topics: rows.map((row) => topicFacts(row, viewed)),
  };
}

/** Topics as the overview shows them, newest first. `named`: only those with this text in their names. `waits`: only those with pending mail. */
export async function listTopics(
  viewed: Omit<Viewed, "account" | "inlets">,
  { named, waits, after, limit }: { named: string; waits: boolean; after: string | null; limit: number },
): Promise<TopicPage> {
  const only = { ...(named !== "" && { named }), ...(waits && { waits }) };
  const { rows, next } = await viewed.store.topicPage({ order: "newest first", after, limit, only });
  return { topics: rows.map((row) => topicFacts(row, viewed)), next };
}

function inletFacts({ kind, name, isConnected, counts: { accepted, duplicates, dead } }: InletStatus): InletFacts {
  const died = [...dead.values()].reduce((sum, count) => sum + count, 0);
  return { kind, name, connected: isConnected, accepted, duplicates, dead: died };
}

function usedUp(account: ReturnType<Gateway["account"]>): Overview["account"] {
  if (account === null) return null;
  const { quota, sentLast24Hours: used } = account;
  return { quota, used, left: leftToday(account) };
}

/** A topic as the overview shows it. */
export function topicFacts(row: TopicRow, gateway: Omit<Viewed, "store" | "account" | "inlets">): TopicFacts {
  return {
    ...withRates(countsOf(row)),
    not_before: isoTime(row.notBefore),
    cancelled_at: isoTime(row.cancelledAt),
    paused_at: isoTime(row.pausedAt),
    paused_until: isoTime(row.pausedUntil),
    removed: row.removed,
    endpoint: row.endpoint,
    held: gateway.held().has(row.topic),
    ...topicState(row, gateway),
  };
}

/** How often the overview is read while anybody listens. */
const TURN_MS = 1_000;
/**
 * A silent connection gets a comment after so many turns: proxies close one on which nothing moves, often after 30 or
 * 60 s.
 */
const COMMENT_TURNS = 15;
const MOST_LISTENERS = 100;
const COMMENT = Buffer.from(":\n\n");
/** How long the browser waits before it connects again, ms. */
const GREETING = "retry: 2000\n";

interface Listener {
  stream: PassThrough;
  owner: string;
  /** Asked each turn: a session may end, or a key may be revoked, while somebody listens. */
  isAllowed: () => Promise<boolean>;
  /** The last snapshot that was sent. */
  seen: string | null;
}

/** What a feed works with. */
export interface FeedOptions {
  clock: Clock;
  /** The snapshot as JSON in one line. */
  read: () => Promise<string>;
  /** Told when a turn failed, because a snapshot or a session could not be read. The next turn tries again. */
  onProblem: (error: unknown) => void;
}

/**
 * Server-sent events: the snapshot at once, and again whenever it changed. While anybody listens, one snapshot is read
 * each second for all. A slow reader gets the newest one when it is ready for more, so that nothing piles up.
 */
export class OverviewFeed {
  readonly #options: FeedOptions;
  readonly #listeners = new Set<Listener>();
  readonly #closing = new AbortController();
  #isRunning = false;

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  /**
   * The body of an answer of type `text/event-stream`. Null: 100 listen already and nobody has more of them than `owner`,
   * or the feed is closed. It ends when `isAllowed`, asked each second, says no, and when it is the oldest of the owner who
   * has most and another one comes. It keeps its place until it is destroyed or has ended. Rejects when the first snapshot
   * cannot be read.
   */
  async listen(owner: string, isAllowed: () => Promise<boolean>): Promise<Readable | null> {
    const snapshot = await this.#options.read();
    if (this.#closing.signal.aborted) return null;
    if (this.#listeners.size >= MOST_LISTENERS && !this.#makeRoom(owner)) return null;
    const listener: Listener = { stream: new PassThrough(), owner, isAllowed, seen: null };
    this.#listeners.add(listener);
    listener.stream.on("close", () => this.#listeners.delete(listener));
    listener.stream.write(GREETING);
    tell(listener, snapshot, eventOf(snapshot));
    if (!this.#isRunning) void this.#run();
    return listener.stream;
  }

  /** Ends all streams and takes no further listeners. */
  close(): void {
    this.#closing.abort();
    for (const listener of this.#listeners) this.#end(listener);
  }

  /** Nobody keeps others out: the oldest stream of the owner who has most ends for a newcomer who has fewer. */
  #makeRoom(newcomer: string): boolean {
    const byOwner = new Map<string, Listener[]>();
    for (const listener of this.#listeners)
      byOwner.set(listener.owner, [...(byOwner.get(listener.owner) ?? []), listener]);
    const [greediest = []] = [...byOwner.values()].toSorted((a, b) => b.length - a.length);
    const [oldest] = greediest;
    if (oldest === undefined || greediest.length <= (byOwner.get(newcomer)?.length ?? 0) + 1) return false;
    this.#end(oldest);
    return true;
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    for (let turn = 1; this.#listeners.size > 0; turn++) {
      await this.#options.clock.sleep(TURN_MS, this.#closing.signal);
      try {
        await this.#dismiss();
        if (this.#listeners.size > 0) await this.#tellAll(turn % COMMENT_TURNS === 0);
      } catch (error) {
        this.#options.onProblem(error);
      }
    }
    this.#isRunning = false;
  }

  async #dismiss(): Promise<void> {
    for (const listener of this.#listeners) if (!(await listener.isAllowed())) this.#end(listener);
  }

  async #tellAll(withComment: boolean): Promise<void> {
    const snapshot = await this.#options.read();
    const event = eventOf(snapshot);
    for (const listener of this.#listeners) {
      // Its last event is still on the way. It can skip this one, because a newer one will follow.
      if (listener.stream.writableNeedDrain) continue;
      if (listener.seen !== snapshot) tell(listener, snapshot, event);
      else if (withComment) listener.stream.write(COMMENT);
    }
  }

  #end(listener: Listener): void {
    this.#listeners.delete(listener);
    listener.stream.end();
  }
}

function tell(listener: Listener, snapshot: string, event: Buffer): void {
  listener.seen = snapshot;
  listener.stream.write(event);
}

/** One data line is enough: JSON has no raw line breaks. */
function eventOf(snapshot: string): Buffer {
  return Buffer.from(`event: overview\ndata: ${snapshot}\n\n`);
}
