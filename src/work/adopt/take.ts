/** Stores the rows of another program in batches, and counts what becomes of them. */
import type { Rejects } from "../../compose/list/csv-writer.ts";
import { refusalText } from "../../intake/refusal-text.ts";
import type { State } from "../../message.ts";
import type { Foreign, ForeignRow, ForeignState } from "../../store/foreign.ts";
import type { AcceptMessage, RefusedMessage } from "../../store/rows.ts";
import type { Inbox, Topics } from "../../store/store.ts";
import { storedTopic } from "../../store/topic-name.ts";
import { type Examiner, topicOf } from "./examine.ts";
import { uuidOf } from "./names.ts";

/** What was read, and what became of it. `rows = added + duplicates + rejected + suppressed`. */
export interface AdoptFigures {
  rows: number;
  added: number;
  /** With those that were adopted before. */
  duplicates: number;
  rejected: number;
  suppressed: number;
  /** How many of `added` are in each state now. */
  states: Record<(typeof ADOPTED_STATES)[number], number>;
  /** Of what was new and is to be sent: how many are due at once, how many later, and the earliest instant (ms since the epoch). */
  due: { now: number; later: number; first: number | null };
  /** Topics that have another name here. Not all of them, when there are very many. */
  renamed: Map<string, string>;
  /** Why rows were rejected, for the first ten of them. */
  reasons: string[];
}

/** The states that a message may have when it was adopted. */
export const ADOPTED_STATES = ["pending", "sent", "in_doubt", "failed", "cancelled"] as const;

/** What takes rows in. */
export interface TakerParts {
  foreign: Pick<Foreign, "program">;
  store: Pick<Inbox, "accept" | "knownUuids"> & Pick<Topics, "topic">;
  /** Null: a dry run writes none. */
  rejects: Rejects | null;
  examiner: Examiner;
  /** True: nothing is stored. */
  dryRun: boolean;
  /** Ms since the epoch. */
  now: number;
}

interface Waiting {
  row: ForeignRow;
  state: ForeignState;
  message: AcceptMessage;
}

/** The most that one request of the store has. */
const MOST_ROWS = 1_000;
/** So many characters of contents are held at most, and those of one more. */
const MOST_CHARACTERS = 8 * 1024 * 1024;
/** So many names of topics are remembered. */
const MOST_TOPICS = 10_000;
const SHOWN_REASONS = 10;
const MOST_RENAMED = 1_000;

/** Takes rows in. Those of one state come together. */
export class Taker {
  readonly figures: AdoptFigures = {
    rows: 0,
    added: 0,
    duplicates: 0,
    rejected: 0,
    suppressed: 0,
    states: { pending: 0, sent: 0, in_doubt: 0, failed: 0, cancelled: 0 },
    due: { now: 0, later: 0, first: null },
    renamed: new Map(),
    reasons: [],
  };
  readonly #parts: TakerParts;
  #batch: Waiting[] = [];
  /** The names of topics in the store, by those that rows have; null: rows without one. */
  #topics = new Map<string, string | null>();

  constructor(parts: TakerParts) {
    this.#parts = parts;
  }

  /** Takes a page of rows in one state. `breath` is called once a row. */
  async take(page: readonly ForeignRow[], state: ForeignState, breath: () => Promise<void> | null): Promise<void> {
    const { foreign, store, examiner } = this.#parts;
    const uuids = page.map((row) => uuidOf(foreign.program, row));
    const known = await store.knownUuids(uuids);
    for (const [at, row] of page.entries()) {
      const pause = breath();
      if (pause) await pause;
      this.figures.rows++;
      const uuid = uuids[at] ?? "";
      if (known.has(uuid)) {
        this.figures.duplicates++;
        continue;
      }
      const examined = await examiner.examine(row, state, { uuid, topic: await this.#topic(row.topic) });
      if ("problem" in examined) this.#reject(row, state, examined.problem);
      else this.#batch.push({ row, state, message: examined.message });
      const isFull = examiner.characters > MOST_CHARACTERS;
      if (this.#batch.length >= MOST_ROWS || isFull) await this.flush();
      // Until then rows share them, so that the store need not look at each again.
      if (isFull) examiner.forget();
    }
  }

  /** Stores what waits. */
  async flush(): Promise<void> {
    let batch = this.#batch;
    this.#batch = [];
    while (batch.length > 0) batch = await this.#store(batch);
  }

  /** Stores all of them, or returns those that their topics do not refuse. */
  async #store(batch: Waiting[]): Promise<Waiting[]> {
    const { store, dryRun } = this.#parts;
    if (dryRun) return this.#stored(batch, { added: batch.length, duplicates: 0, suppressed: 0 });
    const messages = batch.map(({ message }) => message);
    const [result] = await store.accept([{ messages, endpoint: "ses", repeat: null, memo: "" }]);
    if (result?.kind === "stored") return this.#stored(batch, result.counts);
    if (result?.kind !== "refused") throw new Error("a request without a key was taken for a repeat");
    const refused = new Map<number, RefusedMessage>(result.problems.map((problem) => [problem.message, problem]));
    return batch.filter(({ row, state }, at) => {
      const problem = refused.get(at);
      if (problem !== undefined) this.#reject(row, state, refusalText(problem));
      return problem === undefined;
    });
  }

  #stored(
    batch: readonly Waiting[],
    { added, duplicates, suppressed }: { added: number; duplicates: number; suppressed: number },
  ): Waiting[] {
    const { figures } = this;
    figures.added += added;
    figures.duplicates += duplicates;
    figures.suppressed += suppressed;
    for (const { message } of batch) if (message.past === undefined) this.#noteDue(message.notBefore);
    // A row that was being sent may be proven sent, so one batch may have both.
    const kinds = new Map<State, number>();
    for (const { message } of batch) {
      const state = message.past?.state ?? "pending";
      kinds.set(state, (kinds.get(state) ?? 0) + 1);
    }
    this.#countStates(kinds, added);
    return [];
  }

  #countStates(kinds: ReadonlyMap<State, number>, added: number): void {
    let left = added;
    for (const state of ADOPTED_STATES) {
      const here = Math.min(left, kinds.get(state) ?? 0);
      this.figures.states[state] += here;
      left -= here;
    }
  }

  #noteDue(at: number): void {
    const { due } = this.figures;
    if (at > this.#parts.now) due.later++;
    else due.now++;
    due.first = due.first === null ? at : Math.min(due.first, at);
  }

  async #topic(name: string): Promise<string | null> {
    const known = this.#topics.get(name);
    if (known !== undefined) return known;
    if (this.#topics.size >= MOST_TOPICS) this.#topics = new Map();
    const here = topicOf(name);
    const topic = here === null ? null : await storedTopic(this.#parts.store, here);
    this.#topics.set(name, topic);
    const { renamed } = this.figures;
    if (here !== null && here !== name.normalize("NFC") && renamed.size < MOST_RENAMED) renamed.set(name, here);
    return topic;
  }

  #reject(row: ForeignRow, state: ForeignState, reason: string): void {
    const { figures } = this;
    figures.rejected++;
    if (figures.reasons.length < SHOWN_REASONS) figures.reasons.push(`row ${row.id}: ${reason}`);
    const fields = [row.id, row.email, row.topic, state, String(row.scheduledAt ?? ""), row.error ?? "", row.contentId];
    this.#parts.rejects?.write({ line: figures.rows, reason, fields });
  }
}
