/** What happens while the database keeps silent: it is connected, and what it is asked stays without an answer. */
import { InterruptedError } from "../../errors.ts";
import type { Waiting } from "../store.ts";

/** Silence is told after so long. The services promise to say within 10 s that the store is away. */
const TELL_MS = 7_000;
const LOOK_MS = 1_000;
/** After the first signal a question is given up that has no answer for so long. */
const LAST_ANSWER_MS = 3_000;

/** Which signal ends a question without an answer. Only what changes nothing may be given up. */
type EndedBy = "any signal" | "the second signal" | "nothing";

/** Knows the questions that have no answer yet. */
export interface Silence {
  /**
   * Passes a question on. While it has no answer, the wait is told now and then, once for all questions that are open.
   * @throws InterruptedError some seconds after the first signal, or at the second, when such a signal ends it. The question goes on
   * without us then.
   */
  during<T>(ask: () => Promise<T>, endedBy: EndedBy): Promise<T>;
}

interface Question {
  /** When it was asked (monotonic ms). */
  at: number;
  endedBy: EndedBy;
  giveUp(): void;
}

/** `name`: how the database is displayed. */
export function createSilence(name: string, waiting: Waiting): Silence {
  /** Oldest first. */
  const open = new Set<Question>();
  let timer: NodeJS.Timeout | undefined;
  let tellAt = TELL_MS;
  let signalAt: number | null = null;

  const tell = (now: number): void => {
    const [oldest] = open;
    const waitedMs = oldest === undefined ? 0 : now - oldest.at;
    if (waitedMs < TELL_MS) tellAt = TELL_MS;
    if (waitedMs < tellAt) return;
    tellAt *= 2;
    waiting.onWait(waitedMs, `the database ${name} has not answered yet`);
  };
  const look = (): void => {
    const now = performance.now();
    tell(now);
    if (!waiting.signal.aborted) return;
    signalAt ??= now;
    for (const { at, endedBy, giveUp } of open) {
      const isLast = endedBy === "any signal" && now - Math.max(at, signalAt) >= LAST_ANSWER_MS;
      if (isLast || (endedBy !== "nothing" && waiting.hardSignal.aborted)) giveUp();
    }
  };

  return {
    async during(ask, endedBy) {
      let question: Question | null = null;
      const givenUp = new Promise<never>((_, reject) => {
        const giveUp = () => reject(new InterruptedError());
        question = { at: performance.now(), endedBy, giveUp };
        open.add(question);
      });
      timer ??= setInterval(look, LOOK_MS).unref();
      const answer = ask();
      try {
        return await Promise.race([answer, givenUp]);
      } finally {
        // Nobody waits for it any more.
        answer.catch(() => undefined);
        if (question !== null) open.delete(question);
        if (open.size === 0) {
          clearInterval(timer);
          timer = undefined;
        }
      }
    },
  };
}
