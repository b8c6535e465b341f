/** Jobs that come from Redis: its stream, and the sets of jobs beside it. */
import type { Asked } from "../../intake/broker/asked.ts";
import { noCounts } from "../../intake/broker/inlet.ts";
import { createJobTemplates } from "../../intake/broker/job-templates.ts";
import { createRedisReader } from "../../intake/broker/redis-job.ts";
import type { Queue } from "../../queue/queue.ts";
import type { Redis, RedisDelivery } from "../../queue/redis/redis.ts";
import type { Store } from "../../store/store.ts";
import { notePending } from "./note-pending.ts";
import { type BrokerSettings, redisName } from "./settings.ts";
import { type Inlet, type InletQueue, type Making, readQueue, toldCounts } from "./inlet.ts";

/** While one batch is committed, the next is received and read. The sets bring what is in hand again until it is removed. */
const STREAM_LANES = 2;

/** Makes the inlet. */
export function createRedisInlet(
  making: Making,
  redis: Redis,
  { stream, group, templates: folder }: Pick<NonNullable<BrokerSettings["redis"]>, "stream" | "group" | "templates">,
): Inlet {
  const { store, incoming, clock, onBug } = making;
  const name = redisName({ stream, group });
  const counts = noCounts();
  const remote = (name: string) => redis.template(name);
  const templates = createJobTemplates({ store, folder, remote, from: incoming.envelope?.from ?? "", clock });
  const readJob = createRedisReader({ stream });
  const queueOf = (queue: Queue<RedisDelivery>, lanes: number): InletQueue<RedisDelivery> => ({
    source: "redis",
    counts,
    queue,
    lanes,
    templates,
    read: (job) => (job.overdue === undefined ? readJob(job) : readOverdue(store, readJob, job)),
    extrasOf: () => null,
    onStored: (taken) => notePending(redis, taken, onBug),
  });
  const queues = [queueOf(redis.stream, STREAM_LANES), queueOf(redis.sets, 1)];
  return {
    state: () => ({ kind: "redis", name, isConnected: redis.isConnected(), counts: toldCounts(counts) }),
    run: () => queues.map((queue) => readQueue(making, queue)),
  };
}

/**
 * A job that came too often may have killed those who had it. It may also be in the store for long, and only the word about that
 * was lost each time; then it is no dead letter.
 */
async function readOverdue(
  store: Pick<Store, "knownUuids">,
  readJob: (job: Omit<RedisDelivery, "overdue">) => Asked,
  { overdue = "", ...job }: RedisDelivery,
): Promise<Asked> {
  const asked = readJob(job);
  const isTaken = asked.kind === "asked" && (await store.knownUuids([asked.uuid])).has(asked.uuid);
  return isTaken ? asked : { kind: "wrong", reason: overdue };
}
