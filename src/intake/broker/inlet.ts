/**
 * Takes the mails of a broker into the store. A delivery is acknowledged when its mail is stored, or kept as a dead letter with the
 * reason why nobody can take it; the others of its batch do not suffer.
 */
import { StoppedError } from "../../errors.ts";
import type { Handler, Verdict } from "../../queue/consume.ts";
import type { Delivery } from "../../queue/queue.ts";
import type { DeadSource, NewDeadLetter } from "../../store/rows.ts";
import type { DeadLetters } from "../../store/store.ts";
import { type Patience, patiently } from "./patience.ts";
import { DEAD_CLASSES, type DeadClass, type Outcome, type TakenMail, Taking, type TakingParts } from "./taking.ts";

/** What an inlet did so far, in deliveries. A delivery that was acknowledged in vain and comes again counts as a duplicate. */
export interface InletCounts {
  accepted: number;
  duplicates: number;
  /** Accepted, and not sent, because the address is suppressed. */
  suppressed: number;
  /** Has all classes from the start: who watches a number sees it rise only from a 0 that was there before. */
  dead: Map<DeadClass, number>;
}

/** An inlet that did nothing yet. */
export function noCounts(): InletCounts {
  return { accepted: 0, duplicates: 0, suppressed: 0, dead: new Map(DEAD_CLASSES.map((name) => [name, 0])) };
}

/** What an inlet works with. */
export interface InletParts<D extends Delivery> extends TakingParts<D>, Patience {
  source: DeadSource;
  /** What came beside the body, as it is kept with a dead letter; null: nothing. */
  extrasOf(delivery: D): string | null;
  store: TakingParts<D>["store"] & Pick<DeadLetters, "keepDead">;
  /** Added to. */
  counts: InletCounts;
  /**
   * Told what is durably stored, before it is acknowledged; also of what comes again. A StoppedError that it rejects with is ignored: who
   * is told must not hold mail up.
   */
  onStored?(taken: readonly TakenMail[]): Promise<void>;
  /** Told each dead letter after it is kept. */
  onDead?(letter: Pick<NewDeadLetter, "source" | "origin" | "reason">): void;
}

/** Most bytes that are kept of what nobody can take in. Mail is much smaller, and a job of Redis may have 512 MB. */
const MOST_KEPT = 16 * 1024 * 1024;

/** What an inlet reads. */
type Mail = Delivery & { readonly body: Uint8Array };

/**
 * Makes the handler of an inlet. While the store cannot be reached or written to, it waits and tries again, up to every 10 s; it rejects
 * with InterruptedError when the signal ends that. Rejects with UserError when the gateway has no sender.
 */
export function createInlet<D extends Mail>(parts: InletParts<D>): Handler<D> {
  return async (deliveries) => {
    const taking = new Taking(parts);
    await patiently(parts, async () => {
      await taking.take(deliveries);
      await tellStored(parts, taking.outcomes);
      await keepDead(parts, deliveries, taking.outcomes);
    });
    return deliveries.map(({ id }) => {
      const outcome = taking.outcomes.get(id) as Outcome;
      count(parts.counts, outcome);
      return verdictOf(outcome);
    });
  };
}

async function tellStored<D extends Delivery>(
  { onStored }: InletParts<D>,
  outcomes: ReadonlyMap<string, Outcome>,
): Promise<void> {
  const taken = [...outcomes.values()].filter((outcome) => "asked" in outcome);
  if (taken.length === 0) return;
  try {
    await onStored?.(taken);
  } catch (error) {
    if (!(error instanceof StoppedError)) throw error;
  }
}

async function keepDead<D extends Mail>(
  parts: InletParts<D>,
  deliveries: readonly D[],
  outcomes: ReadonlyMap<string, Outcome>,
): Promise<void> {
  const dead = deliveries.flatMap((delivery) => {
    const outcome = outcomes.get(delivery.id);
    return outcome !== undefined && "dead" in outcome ? letterOf(parts, delivery, outcome.reason) : [];
  });
  if (dead.length === 0) return;
  await parts.store.keepDead(dead);
  for (const letter of dead) parts.onDead?.(letter);
}

function letterOf<D extends Mail>({ source, extrasOf }: InletParts<D>, delivery: D, reason: string): NewDeadLetter {
  const { id: origin, body } = delivery;
  const extras = extrasOf(delivery);
  if (body.byteLength <= MOST_KEPT) return { source, origin, reason, body, extras };
  return {
    source,
    origin,
    reason: `${reason} (only the first ${MOST_KEPT / 1024 / 1024} MB of ${body.byteLength} bytes are kept)`,
    body: body.subarray(0, MOST_KEPT),
    extras,
  };
}

function verdictOf(outcome: Outcome): Verdict {
  return "dead" in outcome ? { kind: "refused", reason: outcome.reason } : { kind: "done" };
}

function count(counts: InletCounts, outcome: Outcome): void {
  if ("dead" in outcome) counts.dead.set(outcome.dead, (counts.dead.get(outcome.dead) ?? 0) + 1);
  else if (outcome.outcome === "accepted") counts.accepted++;
  else if (outcome.outcome === "duplicate") counts.duplicates++;
  else counts.suppressed++;
}
