/** Moves a job to another store: its rows are copied, and from then on mail is sent from there only. */
import { randomBytes } from "node:crypto";
import { resolve } from "node:path";
import { EXIT, InterruptedError, StoppedError, UserError } from "../errors.ts";
import { boundOldSpace, boundYoungSpace } from "../memory.ts";
import {
  type Archive,
  difference,
  type Figures,
  type Key,
  keyOf,
  type Row,
  type TableFacts,
  TABLES,
} from "../store/archive.ts";
import { checkLocation, isServer, nameOf } from "../store/address.ts";
import { dbOption, isSamePlace, shellPlace } from "../store/moved.ts";
import { openArchive } from "../store/open.ts";
import { createBreath } from "./breath.ts";
import type { Context } from "./context.ts";
import { undoCopy } from "./undo-copy.ts";

/** The options of `copy`. */
export interface CopyFlags {
  undo?: boolean;
  yes?: boolean;
}

/** Both sides, as they were named on the command line. */
export interface Sides {
  from: string;
  /** Undefined: not given. */
  to: string | undefined;
}

/** `copy`. Resolves to the exit code. */
export async function copy(context: Context, { from, to }: Sides, flags: CopyFlags): Promise<number> {
  const source = await sideOf(context, from);
  const { undo = false, yes = false } = flags;
  if (undo) return undoCopy(context, source, (location) => sideOf(context, location), { to, yes });
  if (to === undefined) throw new UserError("copy expects two places, got only <from>", "ses-mail copy <from> <to>");
  return copyTo(context, source, await sideOf(context, to));
}

async function sideOf({ io, terminal, onExit }: Context, text: string): Promise<Archive> {
  checkLocation(text, "copy");
  const location = isServer(text) ? text : resolve(io.cwd, text);
  const { signal, hardSignal, env, clock } = io;
  const onWait = (waitedMs: number) =>
    terminal.warn(
      `Waiting for another process that holds ${nameOf(location)} (${Math.round(waitedMs / 1000)} s so far).`,
    );
  const archive = await openArchive(location, clock, { onWait, signal, hardSignal, env });
  onExit(() => archive.close());
  return archive;
}

async function copyTo(context: Context, from: Archive, to: Archive): Promise<number> {
  const { io, terminal, globals } = context;
  const started = io.clock.monotonic();
  const copyId = await begin(from, to);
  if (copyId === null) {
    terminal.info(`The copy at ${to.location} is complete already.`);
    if (globals.json) terminal.json({ from: from.location, to: to.location, finished_before: true });
    return EXIT.done;
  }
  const figures = await copyRows(context, { from, to, copyId });
  await verify(from, to, figures);
  await finish(from, to, copyId);
  const { message: messages = 0, event: events = 0 } = figures.tables;
  const ms = Math.round(io.clock.monotonic() - started);
  const [here, there] = [from.location, to.location];
  if (globals.json)
    terminal.json({ from: here, to: there, messages, events, verified: true, tables: figures.tables, ms });
  else
    terminal.done(
      `${there}: ${messages} messages, ${sum(figures)} rows in all, as many as in ${here}. ` +
        `Go on there: ${dbOption(there)}. Nothing is sent from ${here} any more`,
    );
  return EXIT.done;
}

const sum = ({ tables }: Figures): number => Object.values(tables).reduce((all, count) => all + count, 0);

/**
 * Makes sure that the job may be copied, and gives the right to send away. Returns what names the copy; null: it was finished
 * before.
 */
async function begin(from: Archive, to: Archive): Promise<string | null> {
  const here = await from.look();
  if (here === null)
    throw new UserError(`there is no job at ${from.location}`, "name the job that is to be copied first");
  if (here.copyOf !== null)
    throw new UserError(
      `${from.location} is itself a copy that is not finished`,
      `finish that first, from ${here.copyOf}`,
    );
  const there = await to.look();
  if (there !== null) {
    const isOurs = here.movedTo !== null && there.copyId === here.copyId;
    if (!isOurs) throw taken(from, to, there.jobId === here.jobId, there.copyOf);
    return there.copyOf === null ? null : here.copyId;
  }
  if (here.movedTo === null) return beginAnew(from, to);
  checkNewDestination(from, to, here);
  // The last run ended before the destination was made.
  await to.create(await from.origin(), { id: here.copyId ?? "", from: from.location });
  return here.copyId;
}

async function beginAnew(from: Archive, to: Archive): Promise<string> {
  const copyId = randomBytes(8).toString("hex");
  await from.moveTo(to.location, copyId);
  try {
    await to.create(await from.origin(), { id: copyId, from: from.location });
  } catch (error) {
    // Without rights or disk space nothing was made there, so there is nothing to resume.
    if ((await to.look().catch(() => undefined)) === null) await from.comeBack(copyId);
    throw error;
  }
  return copyId;
}

function taken(from: Archive, to: Archive, isSame: boolean, copyOf: string | null): UserError {
  if (copyOf !== null)
    return new UserError(`${to.location} is an unfinished copy of ${copyOf}`, "remove it, or name another place");
  if (isSame)
    return new UserError(`${from.location} and ${to.location} have the same job`, "name a place where there is none");
  return new UserError(
    `there is a job at ${to.location}`,
    "a copy overwrites nothing: name a place where there is none",
  );
}

function checkNewDestination(
  from: Archive,
  to: Archive,
  { movedTo, movedAt }: { movedTo: string | null; movedAt: number | null },
): void {
  const undo = `or take it back first: ses-mail copy --undo ${shellPlace(from.location)}`;
  if (movedTo === null || !isSamePlace(movedTo, to.location))
    throw new UserError(`${from.location} was copied to ${movedTo}, in part or whole`, `go on with that, ${undo}`);
  if (movedAt !== null)
    throw new UserError(`${from.location} was copied to ${movedTo}, and the copy is gone`, `put it back, ${undo}`);
}

/** The garbage of a few pages: more would only take memory. */
const YOUNG_MB = 16;

interface Way {
  from: Archive;
  to: Archive;
  copyId: string;
}

/** Copies what is not there yet. Returns the figures of the source. */
async function copyRows({ io, terminal }: Context, { from, to, copyId }: Way): Promise<Figures> {
  const figures = await from.figures();
  const total = sum(figures);
  let done = sum(await to.figures());
  const before = done;
  const started = io.clock.monotonic();
  const progress = terminal.progress(total, "copied");
  const breath = createBreath(io.signal);
  boundOldSpace();
  try {
    const begun = stateOf(await to.state());
    const rest = TABLES.slice(
      Math.max(
        0,
        TABLES.findIndex(({ name }) => name === begun?.table),
      ),
    );
    let state = begun;
    for (const table of rest) {
      const after = table.name === begun?.table ? begun.after : null;
      state = await copyTable({ from, to, copyId }, { table, after, state }, (count) => {
        done += count;
        boundYoungSpace(YOUNG_MB);
        const seconds = Math.max(1, io.clock.monotonic() - started) / 1_000;
        progress.update({ done, perSecond: (done - before) / seconds });
        // Two job files never wait for anything, so signals would not be heard.
        return breath();
      });
    }
  } catch (error) {
    progress.stop();
    if (error instanceof InterruptedError)
      terminal.warn(`${done} of ${total} rows are copied; run the same command again to go on`);
    throw error;
  } finally {
    progress.stop();
  }
  return figures;
}

/** How far a copy is: the tables before this one are there, and this one up to a key. */
interface State {
  table: string;
  after: Key;
}

const stateOf = (text: string | null): State | null => (text === null ? null : (JSON.parse(text) as State));
const textOf = (state: State | null): string | null => (state === null ? null : JSON.stringify(state));

interface Begin {
  table: TableFacts;
  after: Key | null;
  state: State | null;
}

/** Copies the rows of a table behind a key. Returns how far the copy is then. */
async function copyTable(
  { from, to, copyId }: Way,
  { table, after, state }: Begin,
  told: (count: number) => Promise<void> | null,
): Promise<State | null> {
  // While one page is written, the next is read.
  let reading = readAhead(from, table, after);
  let before = state;
  for (;;) {
    const page = await reading();
    const last = page.at(-1);
    if (last === undefined) return before;
    const next = { table: table.name, after: keyOf(table, last) };
    reading = readAhead(from, table, next.after);
    await to.add(table, page, { copyId, was: textOf(before), next: JSON.stringify(next) });
    before = next;
    await told(page.length);
  }
}

/** Begins to read. An error is told when the rows are asked for. */
function readAhead(from: Archive, table: TableFacts, after: Key | null): () => Promise<Row[]> {
  const rows = from.rows(table, after);
  rows.catch(() => undefined);
  return () => rows;
}

async function verify(from: Archive, to: Archive, figures: Figures): Promise<void> {
  const differs = difference(figures, await to.figures());
  if (differs === null) return;
  throw new StoppedError(
    `the copy differs from ${from.location}: ${differs}`,
    `take it back: ses-mail copy --undo ${shellPlace(from.location)}; then remove ${to.location} and copy again`,
  );
}

/** The source is marked first, so that a copy that is taken back in between never becomes usable. */
async function finish(from: Archive, to: Archive, copyId: string): Promise<void> {
  if (!(await from.moved(copyId)))
    throw new StoppedError(`the copy was taken back: the job goes on in ${from.location}`, `remove ${to.location}`);
  await to.finish(await from.origin(), copyId);
}
