/** How far a topic is, how fast it goes, and when it will be finished. */

/** @typedef {import("./wire.ts").TopicFacts} Topic */
/** @typedef {import("./wire.ts").Overview} Overview */

/** Speeds are averages over this time, and need at least `LEAST_MS` of it. */
const WINDOW_MS = 10_000;
const LEAST_MS = 900;

/** Messages that are not finished. @param {Topic} topic */
export function waiting(topic) {
  return topic.pending + topic.sending;
}

/** Messages that are finished. What was cancelled never will be. @param {Topic} topic */
export function done(topic) {
  return topic.total - waiting(topic) - topic.cancelled;
}

/** Messages that were handed over, which is what the rate limits. @param {Topic} topic */
function handed({ sent, failed, in_doubt: inDoubt }) {
  return sent + failed + inDoubt;
}

/**
 * Measures the speed of each topic over the last ten seconds. When messages are put back, so that the count falls, the
 * measurement starts again.
 */
export function createSpeedometer() {
  /** @type {{ at: number, handed: Map<string, number> }[]} */
  let seen = [];
  /** The rate in force. Overviews come late or early, which must not look faster than mail can leave. */
  let most = 0;
  return {
    /** Takes in an overview that came at this time, in ms. @param {Overview} overview @param {number} at ms */
    note(overview, at) {
      seen = seen.filter((one) => at - one.at <= WINDOW_MS);
      seen.push({ at, handed: new Map(overview.topics.map((topic) => [topic.topic, handed(topic)])) });
      most = overview.sender.per_second;
    },
    /** Messages handed over per second; null when the topic has not been watched for long enough. @param {Topic} topic */
    of({ topic }) {
      const last = seen.at(-1);
      const end = last?.handed.get(topic);
      if (last === undefined || end === undefined) return null;
      let first = { at: last.at, handed: end };
      for (const one of seen.toReversed()) {
        const count = one.handed.get(topic);
        if (count === undefined || count > first.handed) break;
        first = { at: one.at, handed: count };
      }
      if (last.at - first.at < LEAST_MS) return null;
      return Math.min(most, (1_000 * (end - first.handed)) / (last.at - first.at));
    },
  };
}

/**
 * @typedef {"cancelled" | "scheduled" | "elsewhere" | "held" | "halted" | "sending" | "waiting" | "finished" | "empty"} Status
 */

/**
 * What a topic is doing. `speed` is that of the speedometer, or null.
 * @param {Topic} topic
 * @param {Overview} overview
 * @param {number | null} speed
 * @returns {Status}
 */
export function statusOf(topic, overview, speed) {
  if (topic.total === 0) return "empty";
  if (topic.cancelled_at !== null) return "cancelled";
  if (waiting(topic) === 0) return "finished";
  if (topic.endpoint !== null && topic.endpoint !== overview.endpoint) return "elsewhere";
  if (topic.held) return "held";
  if (topic.sending === 0 && topic.not_before !== null && new Date(topic.not_before) > new Date()) return "scheduled";
  if (overview.sender.state === "halted" || overview.sender.state === "stopped") return "halted";
  // The speed of the topic may be an old one. Whether anything moves now, the sender knows.
  const isMoving = (speed ?? 0) > 0 && overview.sender.per_second_now > 0;
  return topic.sending > 0 || isMoving ? "sending" : "waiting";
}

/**
 * Seconds until all of it is finished; null when nobody can tell. Without a speed of its own, the topic is assumed to
 * get the whole rate in force.
 * @param {Topic} topic
 * @param {Overview} overview
 * @param {number | null} speed
 */
export function secondsLeft(topic, overview, speed) {
  const perSecond = speed ?? overview.sender.per_second;
  return perSecond > 0 ? waiting(topic) / perSecond : null;
}
