// What the benchmarks of inlets share: servers of brokers, stores, and two consumers of the same messages in turn. One takes them in, the
// other decodes and acknowledges them.
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
import { machine, median } from "./support.js";

/** The most that one batch has. */
const BATCH = 200;
const GOAL = 0.45;

/** Starts a server with these arguments (`folder` and `port` are given to `args`), calls `work` with the port, and ends it. */
export async function withServer(program, args, work) {
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
 * a PostgreSQL server. `fill(round, count)` puts messages into the broker and returns a queue of them; `read` and `decode` read one.
 */
export async function compare({ name, folder, postgres, ...how }) {
  const sqlite = await openSqlite(join(folder, "job.db"), systemClock);
  await inTurn({ what: `${name}, job file`, store: sqlite, ...how });
  await sqlite.close();
  const server = await openPostgres(postgres, systemClock, { schema: `bench_${process.hrtime.bigint()}` });
  await inTurn({ what: `${name}, PostgreSQL`, store: server, ...how });
  await server.close();
}

async function inTurn({ what, store, count, pairs, fill, read, decode, templates }) {
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
  const [wall, cpu] = [[], []];
  let sum = 0;
  for (let pair = 0; pair <= pairs; pair++) {
    const floor = await timed(await fill(`${what} ${pair} read`, count), readOnly, count);
    const ours = await timed(await fill(`${what} ${pair} take`, count), takeIn, count);
    if (counts.accepted !== (sum += count)) throw new Error(JSON.stringify(counts));
    const ratio = floor.seconds / ours.seconds;
    console.log(
      `${what}, ${pair === 0 ? "warm-up" : `pair ${pair}`}: ${perSecond(count, ours)}/s taken in, ${ours.batch} at a time (${us(count, ours)} µs of processor each), ` +
        `${perSecond(count, floor)}/s only read, ${floor.batch} at a time (${us(count, floor)} µs), ratio ${ratio.toFixed(2)}`,
    );
    if (pair === 0) continue;
    wall.push(ratio);
    cpu.push(floor.cpu / ours.cpu);
  }
  console.log(
    `${what}: ratio, median of ${pairs}: ${median(wall).toFixed(2)} (goal ${GOAL}); of processor time ${median(cpu).toFixed(2)}   [${machine()}]`,
  );
}

const perSecond = (count, { seconds }) => Math.round(count / seconds);
const us = (count, { cpu }) => Math.round((cpu * 1e6) / count);

async function timed(queue, handle, count) {
  let batches = 0;
  const counted = (deliveries) => (batches++, handle(deliveries));
  const before = process.cpuUsage();
  const started = performance.now();
  await consume(inBatches(queue), counted, {
    signal: new AbortController().signal,
    clock: systemClock,
    once: false,
    max: count,
    onRetry: (reason) => console.log(reason),
    onIdle: async () => undefined,
  });
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(before);
  return { seconds, cpu: (user + system) / 1e6, batch: Math.round(count / batches) };
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
