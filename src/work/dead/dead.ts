/** The `dead` commands that look and remove: what inlets could not take in, and why. */
import type { Context } from "../context.ts";
import { counted } from "../../counted.ts";
import { allDead, type ChoiceFlags, chosenDead, readDeadId, unknownDead } from "./choice.ts";
import { EXIT, exitCodeOf } from "../../errors.ts";
import { jsonLines, writeLines } from "../output.ts";
import { deadDetail, deadFacts } from "../../serve/dead-facts.ts";
import { printable, shortened } from "../../printable.ts";
import type { DeadLetter } from "../../store/rows.ts";
import type { DeadLetters } from "../../store/store.ts";
import { isoTime } from "../../time/iso.ts";
import { shortTime } from "../../time/short.ts";

/** Options of `dead drop`. */
export type DeadDropFlags = ChoiceFlags;

/** How many are removed with one commit. */
const DROPPED = 500;
/** So many characters of an origin are listed: it may be a member of a set, with all that a job has. `show` and --json have it whole. */
const MOST_ORIGIN = 40;

/** So many characters of a field are shown in its line. */
const MOST_IN_LINE = 2_000;

/** `dead list`: prints the dead letters, newest first. Memory does not grow with their number. */
export async function listDead(context: Context): Promise<number> {
  const { io, openStore, terminal, globals } = context;
  const store = await openStore({ ifMissing: "refuse", toRead: true });
  if (globals.json) await writeLines(context, null, jsonLines("dead", factsOf(store)));
  else if ((await store.deadLetters({ before: null, limit: 1 })).length === 0) terminal.result("no dead letters");
  else {
    const head = ["id", "source", "origin", "times", "received", "bytes", "reason"];
    // Scripts that read the lines of a pipe get the whole instant.
    const now = io.clock.now();
    const timeOf = io.stdout.isTTY === true ? (at: number) => shortTime(at, { now }) : isoTime;
    await writeLines(context, null, terminal.tableLines(head, cellsOf(store, timeOf), "full"));
  }
  return EXIT.done;
}

async function* factsOf(store: Pick<DeadLetters, "deadLetters">) {
  for await (const row of allDead(store)) yield deadFacts(row);
}

async function* cellsOf(
  store: Pick<DeadLetters, "deadLetters">,
  timeOf: (at: number) => string,
): AsyncGenerator<(string | number)[]> {
  for await (const { id, source, origin, reason, times, receivedAt, bytes } of allDead(store))
    // A number that is typed has no separators.
    yield [String(id), source, shortened(origin, MOST_ORIGIN), times, timeOf(receivedAt), bytes, reason];
}

/** `dead show`: prints a dead letter with what is in it. Throws `UserError` when there is none with this number. */
export async function showDead({ openStore, terminal, globals }: Context, text: string): Promise<number> {
  const id = readDeadId(text);
  const store = await openStore({ ifMissing: "refuse", toRead: true });
  const letter = await store.deadLetter(id);
  if (letter === null) throw unknownDead([id], "ses-mail dead list shows those that there are");
  const detail = await deadDetail(letter, globals.json);
  if (globals.json) terminal.json(detail);
  else terminal.result(`${headOf(letter)}\n\n${textOf(detail.payload)}`);
  return EXIT.done;
}

/** A line for each field, of long ones its beginning. What has no fields keeps its own lines: they end what is shown. */
function textOf({ fields, cut }: Awaited<ReturnType<typeof deadDetail>>["payload"]): string {
  const lines = fields.map(({ name, text }) =>
    name === "" ? text : `${printable(name)}: ${shortened(printable(text), MOST_IN_LINE)}`,
  );
  const isCut = cut || fields.some(({ name, text }) => name !== "" && printable(text).length > MOST_IN_LINE);
  return [...lines, ...(isCut ? ["… and more; --json has all"] : [])].join("\n");
}

function headOf({ id, source, origin, reason, times, receivedAt, lastAt, bytes, extras }: DeadLetter): string {
  const when =
    times === 1
      ? `Received: ${isoTime(receivedAt)}`
      : `Received: ${times} times, first ${isoTime(receivedAt)}, last ${isoTime(lastAt)}`;
  return [
    `Dead letter ${id}`,
    `From: ${source} ${origin}`,
    `Reason: ${reason}`,
    when,
    `Size: ${counted(bytes, "byte")}`,
    ...(extras === null ? [] : [`Ses-Mail-Extras: ${extras}`]),
  ]
    .map(printable)
    .join("\n");
}

/**
 * `dead drop`: removes dead letters for good. Resolves to the exit code: that of the signal when it left some. Throws `UserError`, and
 * removes none, for a number that is none or unknown, and for a no.
 */
export async function dropDead(context: Context, ids: readonly string[], flags: DeadDropFlags): Promise<number> {
  const { openStore, terminal, globals, io } = context;
  const store = await openStore({ ifMissing: "refuse" });
  const question = "They cannot be brought back. Drop";
  const chosen = await chosenDead(context, store, { ids, flags, command: "dead drop", question });
  let dropped = 0;
  let part: number[] = [];
  const drop = async (): Promise<void> => {
    if (part.length > 0) dropped += await store.dropDead(part);
    part = [];
  };
  let isCut = false;
  for await (const { id } of chosen) {
    isCut = io.signal.aborted;
    if (isCut) break;
    part.push(id);
    if (part.length >= DROPPED) await drop();
  }
  await drop();
  if (globals.json) terminal.json({ dropped });
  else terminal.done(`${counted(dropped, "dead letter")} dropped`);
  return isCut ? exitCodeOf(io.signal) : EXIT.done;
}
