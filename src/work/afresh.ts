/** What happens to a rehearsal when its topic is sent for real. */
import type { Context } from "./context.ts";
import { sendTopic } from "./commands.ts";
import { eachTopic } from "./each-topic.ts";
import { count, counted } from "../counted.ts";
import { UserError } from "../errors.ts";
import { refusedTopic, tellingRefusals } from "./refused-topic.ts";
import { admit } from "../store/rules/admit.ts";
import type { Endpoint, Rehearsal, Sender, TopicRow } from "../store/rows.ts";
import type { Topics } from "../store/store.ts";

/** So many names at most stand in one line. */
const NAMED = 3;
/** To remove the rehearsal of more messages takes long enough to say so. */
const MANY = 50_000;

/**
 * The topic, when it was only rehearsed and has to be started afresh before it goes to `endpoint`; null: it is fine. Throws `UserError`
 * when it cannot go there: it was sent for real, is being rehearsed by a live process, or is cancelled.
 */
export async function rehearsalOf(
  context: Context,
  store: Topics,
  topic: string,
  endpoint: Endpoint,
): Promise<TopicRow | null> {
  const row = await store.topic(topic);
  const refusal = admit(row ?? undefined, { adds: false, endpoint, content: null });
  if (row === null || refusal === "fine") return null;
  if (refusal === "rehearsing") throw await atWork(context, store, topic);
  if (refusal !== "rehearsed") throw refusedTopic(context, { topic, refusal, endpoint });
  if (row.prunedAt !== null) throw refusedTopic(context, { topic, refusal: "pruned", endpoint });
  if (row.cancelledAt !== null) throw refusedTopic(context, { topic, refusal: "cancelled", endpoint });
  return row;
}

async function atWork(context: Context, store: Topics, topic: string): Promise<UserError> {
  const { message, hint } = refusedTopic(context, { topic, refusal: "rehearsing", endpoint: "ses" });
  const senders = await store.senders(topic);
  return new UserError(senders.length === 0 ? message : `${message}, by ${senders.map(nameOf).join(", ")}`, hint);
}

function nameOf({ host, pid }: Sender): string {
  return `process ${pid} on ${host}`;
}

/**
 * Removes the rehearsal of the topic and says so. `notBefore`: the instant before which none of it is due; null: as it was.
 * `expiresInMs`: how long after it is due each message may be sent; null: as it was.
 */
export async function removeRehearsal(
  context: Context,
  store: Topics,
  topic: string,
  { notBefore = null, expiresInMs = null }: { notBefore?: number | null; expiresInMs?: number | null } = {},
): Promise<Rehearsal | null> {
  const { io, terminal } = context;
  const { total } = await store.totals(topic);
  if (total > MANY)
    terminal.info(`Removing the rehearsal of "${topic}": ${count(total)} messages, which takes a while.`);
  const removed = await tellingRefusals(
    context,
    store.startAfresh(topic, { signal: io.signal, notBefore, expiresInMs }),
  );
  if (removed !== null) terminal.info(`The rehearsal of "${topic}" is removed: ${describeRehearsal(removed)}.`);
  return removed;
}

/** What a rehearsal came to: `12 sent, 1 in doubt, 11 delivered, 1 bounce`. */
export function describeRehearsal(counts: Rehearsal): string {
  const { sent, failed, in_doubt, bounced_permanent, bounced_transient, complained } = counts;
  const parts: [number: number, one: string, many: string][] = [
    [failed, "failed", "failed"],
    [in_doubt, "in doubt", "in doubt"],
    [bounced_permanent + bounced_transient, "bounce", "bounces"],
    [complained, "complaint", "complaints"],
    [counts.opened, "opened", "opened"],
    [counts.clicked, "clicked", "clicked"],
  ];
  const found = parts.filter(([number]) => number > 0).map(([number, one, many]) => counted(number, one, many));
  return [`${count(sent)} sent`, ...found].join(", ");
}

/**
 * Tells of the topics that a run of all topics to `endpoint` leaves alone, because their mail goes to the other one. Nobody named them, so
 * they stay as they are; what waits in them must not be forgotten.
 */
export async function tellLeftAlone(context: Context, store: Topics, endpoint: Endpoint): Promise<void> {
  const other = endpoint === "ses" ? "sandbox" : "ses";
  const names: string[] = [];
  let [topics, waiting] = [0, 0];
  let first: string | undefined;
  for await (const { topic, cancelledAt, pending } of eachTopic(store, { endpoint: other })) {
    if (cancelledAt !== null) continue;
    topics++;
    waiting += pending;
    if (names.length < NAMED) names.push(topic);
    if (endpoint === "ses" || pending > 0) first ??= topic;
  }
  if (first === undefined) return;
  const isOne = topics === 1;
  const which = isOne ? `topic "${first}"` : `${topics} topics`;
  const list = isOne ? "" : ` (${[...names, ...(topics > NAMED ? ["…"] : [])].join(", ")})`;
  const whose = isOne ? "its" : "their";
  const wait = waiting === 0 ? "" : `, and ${count(waiting)} of ${whose} messages ${waiting === 1 ? "waits" : "wait"}`;
  if (endpoint === "sandbox") {
    const goes = isOne ? "has gone" : "have gone";
    return context.terminal.warn(
      `Not rehearsed: ${which} ${goes} to SES${list}${wait}; for real: ${sendTopic(context, first, null)}`,
    );
  }
  const advice = `to send ${isOne ? "it" : "one"} for real, name it: ${sendTopic(context, first, null)}`;
  const told = `Not sent: ${which} ${isOne ? "was" : "were"} only rehearsed${list}${wait}; ${advice}`;
  context.terminal[waiting > 0 ? "warn" : "info"](told);
}
