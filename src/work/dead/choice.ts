/** Which dead letters a command is about: those with these numbers, with this reason, or all. */
import { needsAnswer } from "../answered.ts";
import type { Context } from "../context.ts";
import { counted } from "../../counted.ts";
import { UserError } from "../../errors.ts";
import type { DeadLetterRow } from "../../store/rows.ts";
import type { DeadLetters } from "../../store/store.ts";

/** Options that choose dead letters. */
export interface ChoiceFlags {
  /** All whose reason has this text; case does not matter. */
  reason?: string;
  all?: boolean;
  /** True: do not ask. */
  yes?: boolean;
}

const PAGE = 500;

/** All dead letters, newest first, page by page. Those that come meanwhile are left out. */
export async function* allDead(store: Pick<DeadLetters, "deadLetters">): AsyncGenerator<DeadLetterRow> {
  let before: number | null = null;
  for (;;) {
    const rows: DeadLetterRow[] = await store.deadLetters({ before, limit: PAGE });
    yield* rows;
    before = rows.at(-1)?.id ?? null;
    if (before === null || rows.length < PAGE) return;
  }
}

/**
 * The dead letters that are meant. Asks first, unless `yes`, for those that are not named one by one.
 * @throws UserError, before anything is changed, for a number that is none, an unknown one, none at all, and for a no.
 */
export async function chosenDead(
  context: Context,
  store: Pick<DeadLetters, "deadLetters">,
  { ids, flags, command, question }: { ids: readonly string[]; flags: ChoiceFlags; command: string; question: string },
): Promise<AsyncIterable<DeadLetterRow> | readonly DeadLetterRow[]> {
  checkChoice(command, ids, flags);
  if (ids.length > 0) return rowsOf(store, ids);
  const meant = (): AsyncGenerator<DeadLetterRow> => withReason(store, flags.reason ?? "");
  if (flags.yes) return meant();
  const count = await countOf(meant());
  if (count === 0) return [];
  await needsAnswer(context, command, `${question} ${counted(count, "dead letter")}?`);
  return meant();
}

/** Looks whether it is said which letters are meant, and in one way. @throws UserError */
export function checkChoice(command: string, ids: readonly string[], { reason, all }: ChoiceFlags): void {
  const ways = [ids.length > 0, reason !== undefined, all === true].filter(Boolean).length;
  if (ways === 0)
    throw new UserError(
      `${command} expects the numbers of dead letters, got none`,
      "ses-mail dead list shows them; --reason <text> and --all mean more than one",
    );
  if (ways > 1) throw new UserError(`${command} expects either numbers, --reason or --all, got more than one of them`);
  if (reason?.trim() === "") throw new UserError("--reason expects a text, got none", "--all means all of them");
}

async function* withReason(store: Pick<DeadLetters, "deadLetters">, reason: string): AsyncGenerator<DeadLetterRow> {
  const wanted = reason.toLowerCase();
  for await (const row of allDead(store)) if (row.reason.toLowerCase().includes(wanted)) yield row;
}

async function countOf(rows: AsyncIterable<unknown>): Promise<number> {
  let count = 0;
  for await (const _row of rows) count++;
  return count;
}

async function rowsOf(store: Pick<DeadLetters, "deadLetters">, ids: readonly string[]): Promise<DeadLetterRow[]> {
  const wanted = [...new Set(ids.map(readDeadId))];
  const rows: DeadLetterRow[] = [];
  const unknown: number[] = [];
  for (const id of wanted) {
    const [row] = await store.deadLetters({ before: id + 1, limit: 1 });
    if (row?.id === id) rows.push(row);
    else unknown.push(id);
  }
  if (unknown.length === 0) return rows;
  throw unknownDead(unknown, "nothing was changed; ses-mail dead list shows those that there are");
}

/** The number that was typed. @throws UserError for what is none. */
export function readDeadId(text: string): number {
  const id = /^\d{1,15}$/.test(text.trim()) ? Number(text) : 0;
  if (id > 0) return id;
  throw new UserError(
    `expected the number of a dead letter, got ${JSON.stringify(text)}`,
    "ses-mail dead list shows the numbers",
  );
}

/** How many unknown numbers are named at most. */
const NAMED = 10;

/** Says that there are no dead letters with these numbers. */
export function unknownDead(ids: readonly number[], hint: string): UserError {
  const more = ids.length > NAMED ? ` and ${ids.length - NAMED} more` : "";
  return new UserError(`there is no dead letter ${ids.slice(0, NAMED).join(", ")}${more}`, hint);
}
