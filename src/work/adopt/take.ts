/** Stores the rows of another program in batches, and counts what becomes of them. */
import type { Rejects } from "../../compose/list/csv-writer.ts";
import { refusalText } from "../../intake/refusal-text.ts";
import type { Foreign, ForeignRow, ForeignState } from "../../store/foreign.ts";
import type { AcceptMessage, RefusedMessage } from "../../store/rows.ts";
import type { Inbox, Topics } from "../../store/store.ts";
import { storedTopic } from "../../store/topic-name.ts";
import { type Examiner, topicOf } from "./examine.ts";
import { uuidOf } from "./names.ts";
import { Repeats } from "./repeats.ts";

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

/** What rows become that are stored together: a state, or pending and due now or later. */
type Kind = Exclude<(typeof ADOPTED_STATES)[number], "pending"> | "now" | "later";

/** Rows of one kind that follow each other. */
interface Run {
  kind: Kind;
  waiting: Waiting[];
}

const REQUEST = { endpoint: "ses", repeat: null, memo: "" } as const;
/** The most that one commit of the store has. */
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
  readonly #repeats = new Repeats();

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
    const { store, dryRun, now } = this.#parts;
    const runs = runsOf(batch, now);
    if (dryRun) {
      for (const run of runs) this.#tried(run);
      return [];
    }
    // They keep their order: of several mails that are one for the store, the first is kept.
    const requests = runs.map(({ waiting }) => ({ messages: waiting.map(({ message }) => message), ...REQUEST }));
    const results = await store.accept(requests);
    return runs.flatMap((run, at) => {
      const result = results[at];
      if (result?.kind === "refused") return this.#refused(run, result.problems);
      if (result?.kind !== "stored") throw new Error("a request without a key was taken for a repeat");
      const { ids, counts } = result;
      const isNew = newest(ids ?? [], counts.added + counts.suppressed);
      this.#note(
        run,
        counts,
        run.waiting.filter((_, index) => isNew(index)),
      );
      return [];
    });
  }

  /** Rejects those that their topics refuse, and returns the others. */
  #refused({ waiting }: Run, problems: readonly RefusedMessage[]): Waiting[] {
    const refused = new Map(problems.map((problem) => [problem.message, problem]));
    return waiting.filter(({ row, state }, at) => {
      const problem = refused.get(at);
      if (problem !== undefined) this.#reject(row, state, refusalText(problem));
      return problem === undefined;
    });
  }

  /** Counts what would be stored: a mail that is another's repeat would not. */
  #tried(run: Run): void {
    const added = run.waiting.filter(({ message }) => this.#repeats.isFirst(message));
    this.#note(run, { added: added.length, duplicates: run.waiting.length - added.length, suppressed: 0 }, added);
  }

  /** Counts what became of a run; `added` are those that are in the store now. */
  #note({ kind }: Run, counts: Pick<AdoptFigures, "added" | "duplicates" | "suppressed">, added: readonly Waiting[]) {
    const { figures } = this;
    figures.added += counts.added;
    figures.duplicates += counts.duplicates;
    figures.suppressed += counts.suppressed;
    figures.states[kind === "now" || kind === "later" ? "pending" : kind] += counts.added;
    if ((kind !== "now" && kind !== "later") || counts.added === 0) return;
    const { due } = figures;
    due[kind] += counts.added;
    const first = added.reduce((least, { message }) => Math.min(least, message.notBefore), due.first ?? Infinity);
    if (first < Infinity) due.first = first;
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

/** The batch in runs, in its order. A row that was being sent may be proven sent, so one batch may have several kinds. */
function runsOf(batch: readonly Waiting[], now: number): Run[] {
  const runs: Run[] = [];
  for (const each of batch) {
    const { past, notBefore } = each.message;
    const kind = past?.state ?? (notBefore > now ? "later" : "now");
    const last = runs.at(-1);
    if (last?.kind === kind) last.waiting.push(each);
    else runs.push({ kind, waiting: [each] });
  }
  return runs;
}

/** Tells which places, asked in order, have ids that were given now: those of repeats are older, or stand there already. */
function newest(ids: readonly (number | null)[], count: number): (index: number) => boolean {
  const given = new Set([...new Set(ids.map((id) => id ?? 0))].sort((a, b) => b - a).slice(0, count));
  return (index) => given.delete(ids[index] ?? 0);
}
