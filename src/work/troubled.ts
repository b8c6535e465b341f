/** Remembers in which topics messages of a run failed or came to be in doubt. A run of all topics has to name them. */
import type { Deliver, Outcome } from "../deliver/outcome.ts";
import type { Claim } from "../deliver/source.ts";
import type { VisitSink } from "../store/store.ts";

/** More topics are not remembered: only a few are named. */
const MOST_TOPICS = 1_000;

/** The topics with trouble in one run. */
export class Troubled {
  /** One message of each topic, by the topic's id. */
  readonly #messages = new Map<number, number>();

  /** The same `deliver`, with its outcomes watched. */
  watch(deliver: Deliver): Deliver {
    const watched: Deliver = (claim, onDeparted, isValid) =>
      deliver(claim, onDeparted, isValid).then((outcome) => this.#note(claim, outcome));
    return Object.assign(watched, deliver);
  }

  #note({ id, topicId }: Claim, outcome: Outcome): Outcome {
    const { kind } = outcome;
    // A passing failure may be the last attempt. Whether it was shows in the counts of its topic.
    const isTrouble = kind === "rejected" || kind === "in_doubt" || (kind === "transient" && !outcome.unreachable);
    if (isTrouble && this.#messages.size < MOST_TOPICS) this.#messages.set(topicId, id);
    return outcome;
  }

  /** Their names, in the order they were first met. */
  async topics(store: Pick<VisitSink, "addressee">): Promise<string[]> {
    const names: string[] = [];
    for (const message of this.#messages.values()) {
      const found = await store.addressee(message);
      if (found !== null) names.push(found.topic);
    }
    return names;
  }
}
