/** Where a handle found its last claims, so that it need not pass over what it has claimed already. */
import type { Scope } from "../../deliver/source.ts";
import type { Job } from "./connection.ts";

/**
 * Places in the index of what waits. While something keeps old versions of rows alive (a backup, a long report, a replica), each
 * message that was claimed still has an entry there, and a look from the start would pass over all of them.
 */
export interface Places {
  priority: number;
  /** The last message that was claimed, by the number of its span. */
  spans: ReadonlyMap<number, Place>;
}

/** A message, as the index sorts it. */
export interface Place {
  notBefore: number;
  topicId: number;
  id: number;
}

/** A message that was claimed. */
export interface Claimed extends Place {
  priority: number;
  span: number;
}

/** The places of one handle. */
export interface Follower {
  /** Places after which to look for more of the scope; null: look from the start. */
  of(scope: Scope): Places | null;
  /** To be called when these were claimed, in their order. */
  follow(scope: Scope, claimed: readonly Claimed[]): void;
  /** To be called when something before the places may be pending now. */
  forget(): void;
}

const followers = new WeakMap<Job, Follower>();

/** The turns of this handle look from the start again. To be called when it made messages pending that were not so before. */
export function lookFromStart(job: Job): void {
  followers.get(job)?.forget();
}

/** Other processes put messages back, or add more to older topics, so a handle looks from the start this often. */
const FOLLOW_MS = 2_000;

/** Makes the places of a handle, which has none yet. */
export function createFollower(job: Job): Follower {
  const { clock } = job;
  let known: (Places & { topic: string | null; endpoint: string; since: number }) | null = null;
  const fits = ({ topic, endpoint }: Scope): boolean =>
    known !== null &&
    known.topic === topic &&
    known.endpoint === endpoint &&
    clock.monotonic() - known.since < FOLLOW_MS;
  const follower: Follower = {
    of: (scope) => (fits(scope) ? known : null),
    follow(scope, claimed) {
      const priority = claimed.at(-1)?.priority;
      if (priority === undefined) return;
      const before = fits(scope) && known?.priority === priority ? known : null;
      const spans = new Map(before?.spans);
      for (const { span, notBefore, topicId, id, ...row } of claimed)
        if (row.priority === priority) spans.set(span, { notBefore, topicId, id });
      const { topic, endpoint } = scope;
      known = { priority, spans, topic, endpoint, since: before?.since ?? clock.monotonic() };
    },
    forget() {
      known = null;
    },
  };
  followers.set(job, follower);
  return follower;
}
