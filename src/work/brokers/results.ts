/** Applies what those who take handed-over mail from NATS say became of it. */
import { patiently, type Patience } from "../../intake/broker/patience.ts";
import { printable, shortened } from "../../printable.ts";
import type { Handler, Verdict } from "../../queue/consume.ts";
import type { Delivery } from "../../queue/queue.ts";
import type { DeadLetter, HandedOutcome, HandedResult, NewDeadLetter } from "../../store/rows.ts";
import { messageOfUuid } from "../../store/rules/outlet-uuid.ts";
import type { DeadLetters, Handed } from "../../store/store.ts";
import { readResult } from "./result-body.ts";

/** The durable consumer of results. */
const CONSUMER = "ses-mail-results";
/** When a result comes again whose process has not written yet that it handed the message over. */
const EARLY_MS = 500;
/** The most of a uuid that a reason shows. */
const MOST_SHOWN = 60;

/** What became of results, in deliveries. */
export interface ResultCounts {
  applied: number;
  /** They changed nothing. */
  known: number;
  dead: number;
  /** They are about mail that was not handed over by this job. */
  foreign: number;
}

/** No result came yet. */
export function noResults(): ResultCounts {
  return { applied: 0, known: 0, dead: 0, foreign: 0 };
}

/** Where results are read: of the stream of the mail when its name is the first word of the subject, else of one of their own. */
export function resultsPlace(
  subject: string,
  mailStream: string,
): { stream: string; subject: string; consumer: string } {
  const [first] = subject.split(".");
  return { stream: first === mailStream ? mailStream : subject.replaceAll(".", "-"), subject, consumer: CONSUMER };
}

/** What applying results needs. */
interface Parts {
  store: Pick<Handed, "settleHanded"> & Pick<DeadLetters, "keepDead"> & { jobId: string };
}

/** What a handler of results works with. */
export interface ResultsParts extends Parts, Patience {
  /** Added to. */
  counts: ResultCounts;
  /** Told each dead letter after it is kept. */
  onDead?(letter: Pick<NewDeadLetter, "source" | "origin" | "reason">): void;
  /** Told of how many results in a batch others handed the mail over. */
  onForeign?(count: number): void;
}

type Result = Delivery & { readonly body: Uint8Array };

/**
 * Makes the handler of the queue of results. All of a batch are applied with one commit. What cannot be read, and what is about a message
 * of ours that was not handed over, is kept as a dead letter and refused. What is about somebody else's mail is done with: whoever sends
 * for us may send for others, too, and reports on all of it. While the store is away it waits, as an inlet does.
 */
export function createResultsHandler(parts: ResultsParts): Handler<Result> {
  const { store, counts } = parts;
  return async (deliveries) => {
    const judged = await patiently(parts, async () => {
      const all = await judge(store, deliveries);
      const dead = deliveries.flatMap((delivery, index) => {
        const verdict = all[index];
        return verdict?.kind === "refused" ? letterOf(delivery, verdict.reason) : [];
      });
      if (dead.length > 0) await store.keepDead(dead);
      for (const letter of dead) parts.onDead?.(letter);
      return all;
    });
    for (const { kind } of judged) {
      if (kind === "refused") counts.dead++;
      else if (kind !== "early") counts[kind]++;
    }
    const foreign = judged.filter(({ kind }) => kind === "foreign").length;
    if (foreign > 0) parts.onForeign?.(foreign);
    return judged.map(verdictOf);
  };
}

type Judged = { kind: Exclude<HandedOutcome, "unknown"> | "foreign" } | { kind: "refused"; reason: string };

function verdictOf(judged: Judged): Verdict {
  if (judged.kind === "refused") return judged;
  return judged.kind === "early" ? { kind: "later", afterMs: EARLY_MS } : { kind: "done" };
}

const letterOf = ({ id, body }: Result, reason: string): NewDeadLetter => ({
  source: "results",
  origin: id,
  reason,
  body,
  extras: null,
});

/** Applies those that can be, and says what each came to. */
async function judge(store: Parts["store"], bodies: readonly Pick<Result, "body">[]): Promise<Judged[]> {
  const read = bodies.map(({ body }) => toHanded(store.jobId, body));
  const results = read.filter((each) => "result" in each);
  const outcomes = results.length === 0 ? [] : await store.settleHanded(results.map(({ result }) => result));
  const outcomeOf = new Map(results.map((each, index) => [each, outcomes[index] ?? "unknown"]));
  return read.map((each): Judged => {
    if ("wrong" in each) return { kind: "refused", reason: each.wrong };
    if ("foreign" in each) return { kind: "foreign" };
    const kind = outcomeOf.get(each) ?? "unknown";
    if (kind !== "unknown") return { kind };
    return { kind: "refused", reason: `no message waits for the result ${each.result.state} of ${shown(each.uuid)}` };
  });
}

type Read = { uuid: string; result: HandedResult } | { foreign: true } | { wrong: string };

function toHanded(jobId: string, body: Uint8Array): Read {
  const read = readResult(body);
  if ("wrong" in read) return read;
  const { uuid, ...result } = read;
  const messageId = messageOfUuid(jobId, uuid);
  if (messageId === null) return { foreign: true };
  return { uuid, result: { ...result, messageId } };
}

const shown = (uuid: string): string => printable(shortened(uuid, MOST_SHOWN));

/** Applies a result that was kept as a dead letter. Resolves to null when it is applied, changes nothing or is somebody else's, else to why it stays dead. */
export async function retryResult(store: Parts["store"], letter: Pick<DeadLetter, "body">): Promise<string | null> {
  const [judged] = await judge(store, [letter]);
  if (judged?.kind === "refused") return judged.reason;
  return judged?.kind === "early" ? "its message is being handed over: try again in a second" : null;
}
