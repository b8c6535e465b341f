// Takes turns on a job for some seconds, as the send loop does, with SES that answers at once. Prints what it did, as JSON.
import process from "node:process";
import { openStore } from "../dist/store/postgres/store.js";
import { systemClock } from "../dist/time/clock.js";

const [url, each, seconds] = process.argv.slice(2);
const store = await openStore(url, systemClock);
const scope = { topic: null, endpoint: "ses", maxLateMs: null };
const times = [];
let settlements = [];
let departed = [];
let messages = 0;
const end = performance.now() + Number(seconds) * 1000;
while (performance.now() < end) {
  const before = performance.now();
  const turn = await store.turn({
    settlements,
    room: Number(each),
    perSecond: 1e7,
    withinMs: 500,
    scope,
    departed,
    throttledAgoMs: null,
  });
  times.push(performance.now() - before);
  messages += turn.claims.length;
  settlements = turn.claims.map(({ id, topicId }) => ({
    kind: "sent",
    id,
    topicId,
    sesMessageId: `0102018c${id}-5f1e`,
  }));
  departed = turn.claims.length > 0 ? [{ turn: turn.number, count: turn.claims.length, leftAgoMs: 0, unused: 0 }] : [];
  if (turn.drained && turn.claims.length === 0) break;
}
await store.turn({ settlements, room: 0, perSecond: 1e7, withinMs: 500, scope, departed, throttledAgoMs: null });
await store.close();
times.sort((a, b) => a - b);
console.log(
  JSON.stringify({
    messages,
    turns: times.length,
    p50: times[times.length >> 1],
    p99: times[Math.floor(times.length * 0.99)],
  }),
);
