// What the benchmarks of inlets share: servers of brokers, stores, and three consumers of the same messages in turn. The first is a plain
// one, as a user would write it who stores nothing; the goal is set by it. The second is our own loop over the broker with a handler that
// only decodes, which reads and acknowledges whole batches: what it does not need, the plain one wastes. The third takes the messages in, as a gateway does it.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInlet, noCounts } from "../dist/intake/broker/inlet.js";
import { createRequestInbox } from "../dist/intake/inbox.js";
import { consume } from "../dist/queue/consume.js";
import { openStore as openSqlite } from "../dist/store/sqlite/store.js";
import { openStore as openPostgres } from "../dist/store/postgres/store.js";
import { systemClock } from "../dist/time/clock.js";
import { runInlet } from "../dist/work/brokers/inlet-loop.js";
import { withPostgres } from "./postgres-server.js";
import { machine, median, scratch } from "./support.js";

/** The most that one batch has. */
export const BATCH = 200;
/** Batches that are under way at a time, as in a gateway. */
const LANES = Number(process.env.LANES ?? 2);
const GOAL = 0.45;

/** About 2 KB of HTML. */
export const BODY = `<p>${"Lorem ipsum dolor sit amet. ".repeat(72)}</p>`;

/** Puts this many messages into a broker at once. */
const ADDED_AT_ONCE = 500;

/** The numbers from 0 to `most`, in parts that are added to a broker at once. */
export function* parts(most) {
  for (let first = 0; first < most; first += ADDED_AT_ONCE)
    yield Array.from({ length: Math.min(ADDED_AT_ONCE, most - first) }, (_, i) => first + i);
}

/** Calls `work` for each kind of message, with a broker of its own and a server for the job. `program` and `args`: as in `withServer`. */
export async function forEachKind(kinds, { program, args }, work) {
  // It is started first: while initdb runs, nobody here answers the broker.
  await withPostgres(async ({ url: postgres }) => {
    for (const kind of kinds)
      await scratch((folder) => withServer(program, args, (port) => work(kind, { port, folder, postgres })));
  });
}

/** Starts a server with these arguments (`folder` and `port` are given to `args`), calls `work` with the port, and ends it. */
async function withServer(program, args, work) {
  const folder = mkdtempSync(join(tmpdir(), "ses-mail-bench-broker-"));
  const port = await freePort();
  const child = spawn(program, args({ folder, port }), { stdio: "ignore", cwd: folder });
  try {
    await Promise.race([listening(port), new Promise((_, reject) => child.once("error", reject))]);
    return await work(port);
  } finally {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Takes `count` messages in and only reads as many, `pairs` times in turn and after a pair that does not count, into a job file and into
 * a PostgreSQL server. `fill(round, count)` puts messages into the broker and returns a queue of them; `readPlainly(count)` is the plain
 * consumer; `read` and `decode` read one message of the queue.
 */
export async function compare({ name, folder, postgres, ...how }) {
  const sqlite = await openSqlite(join(folder, "job.db"), systemClock);
  await inTurn({ what: `${name}, job file`, store: sqlite, ...how });
  await sqlite.close();
  const server = await openPostgres(postgres, systemClock, { schema: `bench_${process.hrtime.bigint()}` });
  await inTurn({ what: `${name}, PostgreSQL`, store: server, ...how });
  await server.close();
}

async function inTurn({ what, store, count, pairs, fill, readPlainly, read, decode, templates }) {
  const inbox = createRequestInbox({ store, endpoint: "ses", wake: () => undefined });
  const shelf = templates(store);
  const counts = noCounts();
  const takeIn = createInlet({
    source: "nats",
    read,
    extrasOf: () => null,
    surroundings: () => ({
      now: Date.now(),
      zone: null,
      envelope: ENVELOPE,
      tracking: null,
      templates: shelf,
      knownUuids: (uuids) => store.knownUuids(uuids),
    }),
    inbox,
    store,
    counts,
    clock: systemClock,
    signal: new AbortController().signal,
    onDead: ({ reason }) => console.log(reason),
  });
  const readOnly = async (deliveries) => deliveries.map((delivery) => (decode(delivery), { kind: "done" }));
  const ratios = { wall: [], cpu: [], loopWall: [], loopCpu: [] };
  let sum = 0;
  for (let pair = 0; pair <= pairs; pair++) {
    await fill(`${what} ${pair} plain`, count);
    const plain = await timed(() => readPlainly(count));
    const loop = await consumed(await fill(`${what} ${pair} read`, count), readOnly, count);
    sum += count;
    const ours = await takenIn(await fill(`${what} ${pair} take`, count), takeIn, () => counts.accepted >= sum);
    if (counts.accepted !== sum) throw new Error(JSON.stringify(counts));
    console.log(
      `${what}, ${pair === 0 ? "warm-up" : `pair ${pair}`}: ${figures(count, ours)} taken in, ${ours.batch} at a time; ` +
        `${figures(count, plain)} plain consumer; ${figures(count, loop)} our loop, reading only`,
    );
    if (pair === 0) continue;
    ratios.wall.push(plain.seconds / ours.seconds);
    ratios.cpu.push(plain.cpu / ours.cpu);
    ratios.loopWall.push(loop.seconds / ours.seconds);
    ratios.loopCpu.push(loop.cpu / ours.cpu);
  }
  const [wall, cpu, loopWall, loopCpu] = Object.values(ratios).map((found) => median(found).toFixed(2));
  console.log(
    `${what}: of a plain consumer's rate, median of ${pairs}: ${wall} (goal ${GOAL}), by processor time ${cpu}; ` +
      `of our loop's ${loopWall}, by processor time ${loopCpu}   [${machine()}]`,
  );
}

/** Messages a second, and the processor time of this process for each. */
const figures = (count, { seconds, cpu }) => `${Math.round(count / seconds)}/s (${Math.round((cpu * 1e6) / count)} µs)`;

async function timed(work) {
  const before = process.cpuUsage();
  const started = performance.now();
  await work();
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(before);
  return { seconds, cpu: (user + system) / 1e6 };
}

async function consumed(queue, handle, count) {
  let batches = 0;
  const counted = (deliveries) => (batches++, handle(deliveries));
  const used = await timed(() =>
    consume(inBatches(queue), counted, {
      signal: new AbortController().signal,
      clock: systemClock,
      once: false,
      max: count,
      onRetry: (reason) => console.log(reason),
      onIdle: async () => undefined,
    }),
  );
  return { ...used, batch: Math.round(count / batches) };
}

/** A read that nobody answers any more ends by itself after two seconds. Until then it would take what the next consumer waits for. */
const READ_MS = 2_500;

async function takenIn(queue, handle, isDone) {
  const end = new AbortController();
  let [batches, messages] = [0, 0];
  const counted = async (deliveries) => {
    const verdicts = await handle(deliveries);
    batches++;
    messages += deliveries.length;
    if (isDone()) end.abort();
    return verdicts;
  };
  const quiet = () => undefined;
  const used = await timed(() =>
    runInlet(
      {
        name: "bench",
        queue: inBatches(queue),
        handle: counted,
        gate: { room: async () => Infinity, took: quiet },
        clock: systemClock,
        log: { debug: quiet, warn: console.log, error: console.log },
        onBug: console.error,
        lanes: LANES,
      },
      end,
    ),
  );
  await systemClock.sleep(READ_MS);
  return { ...used, batch: Math.round(messages / batches) };
}

/** The same queue, which brings no more at a time. */
function inBatches(queue) {
  return {
    mostPerCall: BATCH,
    receive: (most, waitMs, signal) => queue.receive(Math.min(most, BATCH), waitMs, signal),
    done: (deliveries) => queue.done(deliveries),
    later: (delivery, afterMs) => queue.later(delivery, afterMs),
    refuse: (delivery, reason) => queue.refuse(delivery, reason),
    close: () => queue.close(),
  };
}

export const ENVELOPE = {
  from: "News <news@example.com>",
  replyTo: [],
  headers: [],
  tags: [],
  configurationSet: null,
  unsubscribeUrl: null,
  unsubscribeMailto: null,
};

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

async function listening(port) {
  for (;;) {
    const open = await new Promise((resolve) => {
      const socket = connect(port, "127.0.0.1", () => resolve(true)).once("error", () => resolve(false));
      socket.once("close", () => socket.destroy());
    });
    if (open) return;
    await systemClock.sleep(20);
  }
}
