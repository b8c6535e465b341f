/**
 * A consumer that is ahead of its stream. nats-server writes down what a consumer has brought and what is left of a stream at
 * different times. When it is killed, a stream that had been emptied may begin anew at a lower number, up to where its consumer
 * believes to have been: the consumer never brings what is stored there (nats-server before 2.14; its issues 5412, 6600, 6881).
 */
import { type ConsumerConfig, type ConsumerInfo, type JetStreamManager, RetentionPolicy } from "@nats-io/jetstream";
import { systemClock } from "../../time/clock.ts";
import { requestTrouble } from "./trouble.ts";
import { filtersOf } from "./warnings.ts";

/** A server that has just been told that a message is done may need a moment until it has removed it. */
const REMOVED_MS = 300;

/** True when there may be messages in the stream that this consumer will never bring. */
export async function isAhead(manager: JetStreamManager, stream: string, consumer: ConsumerInfo): Promise<boolean> {
  const { config, delivered, ack_floor } = consumer;
  // Asked after the consumer: a stream is never behind what was brought of it before.
  const { state, config: kept } = await manager.streams.info(stream);
  if (delivered.stream_seq > state.last_seq) return true;
  // Since then the stream may have come so far again. All that is done, and was not given up, has left a work queue.
  const leavesNothing = kept.retention === RetentionPolicy.Workqueue && (config.max_deliver ?? -1) <= 0;
  if (!leavesNothing || ack_floor.stream_seq === 0) return false;
  const seen = await firstMessage(manager, stream, config);
  if (seen === null || seen > ack_floor.stream_seq) return false;
  await systemClock.sleep(REMOVED_MS);
  return (await firstMessage(manager, stream, config)) === seen;
}

/** The number of the first message that is there for this consumer; null: there is none, or nobody says. */
async function firstMessage(manager: JetStreamManager, stream: string, config: ConsumerConfig): Promise<number | null> {
  const [filter = ">", ...more] = filtersOf(config);
  if (more.length > 0) return null;
  const query = { seq: 1, next_by_subj: filter };
  try {
    return (await manager.streams.getMessage(stream, query))?.seq ?? null;
  } catch (error) {
    if (requestTrouble(error)?.kind === "refused") return null;
    throw error;
  }
}
