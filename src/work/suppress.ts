/** The `suppress` commands for single addresses: add, remove, list. */
import { parseAddress } from "../compose/address/address.ts";
import type { Context } from "./context.ts";
import { count } from "../counted.ts";
import { EXIT, UserError } from "../errors.ts";
import { jsonLines, writeLines } from "./output.ts";
import type { Suppression } from "../store/rows.ts";
import { isForgotten } from "../store/rules/forgotten.ts";
import { stoppedBy } from "../store/rules/scope.ts";
import type { Suppressions } from "../store/store.ts";
import { listMeant, listOfReason, meantOf, type ScopeFlags } from "./suppress-scope.ts";
import { shortTime } from "../time/short.ts";
import { isoTime } from "../time/iso.ts";

/** Options of `suppress add`. */
export interface SuppressAddFlags extends ScopeFlags {
  reason: string;
  /** For people. */
  note?: string;
}

/** `suppress add`: adds all of the addresses. Throws `UserError`, and adds none, when one is not an address. */
export async function suppress(context: Context, addresses: string[], flags: SuppressAddFlags): Promise<number> {
  const { terminal, globals } = context;
  const checked = addresses.map(checkAddress);
  const list = listMeant(flags) ?? listOfReason(flags.reason);
  const store = await context.openStore();
  const detail = flags.note ?? null;
  const added = await store.suppress(
    checked.map((address) => ({ address, list, reason: flags.reason, source: "manual", detail })),
  );
  if (globals.json) terminal.json({ added, known: checked.length - added });
  else terminal.done(`${count(added)} added, ${count(checked.length - added)} known before`);
  return EXIT.done;
}

/**
 * `suppress remove`: removes all of the addresses, for one list or whatever they are suppressed for. Throws `UserError`, and
 * removes none, when one is not an address.
 */
export async function unsuppress(
  { openStore, terminal, globals }: Context,
  addresses: string[],
  flags: ScopeFlags,
): Promise<number> {
  // A list of suppressions shows of somebody who was forgotten nothing but the hash.
  const checked = addresses.map((address) => (isForgotten(address) ? address : checkAddress(address)));
  const list = listMeant(flags);
  const store = await openStore({ ifMissing: "refuse" });
  const removed = await store.unsuppress(checked, list);
  if (globals.json) terminal.json({ removed, unknown: checked.length - removed });
  else terminal.done(`${count(removed)} removed, ${count(checked.length - removed)} not suppressed before`);
  return EXIT.done;
}

function checkAddress(text: string): string {
  const parsed = parseAddress(text);
  if ("address" in parsed) return parsed.address;
  throw new UserError(
    `expected an e-mail address, got ${JSON.stringify(text)}: ${parsed.problem}`,
    "nothing was changed",
  );
}

/** `suppress list`: prints every suppressed address, what it no longer gets, why, and since when. */
export async function listSuppressions(context: Context, flags: ScopeFlags): Promise<number> {
  const { io, openStore, terminal, globals } = context;
  const list = listMeant(flags);
  const store = await openStore({ ifMissing: "refuse", toRead: true });
  if (globals.json) await writeLines(context, null, jsonLines("suppressions", suppressionJson(store, list)));
  else if (await isEmpty(meantOf(store, list))) terminal.result(nobody(flags));
  else {
    const head = ["address", "scope", "list", "reason", "source", "since", "detail"];
    // Scripts that read the lines of a pipe get the whole instant.
    const now = io.clock.now();
    const timeOf = io.stdout.isTTY === true ? (at: number) => shortTime(at, { now }) : isoTime;
    await writeLines(context, null, terminal.tableLines(head, suppressionCells(meantOf(store, list), timeOf), "full"));
  }
  return EXIT.done;
}

function nobody({ list, bulk }: ScopeFlags): string {
  if (list !== undefined) return `nobody is suppressed for the list ${list} alone`;
  return bulk ? "nobody is suppressed for all bulk mail alone" : "nobody is suppressed";
}

async function isEmpty(rows: AsyncGenerator): Promise<boolean> {
  const { done } = await rows.next();
  await rows.return(undefined);
  return done === true;
}

async function* suppressionJson(store: Suppressions, list: string | undefined) {
  for await (const { address, createdAt, ...row } of meantOf(store, list))
    yield { address, ...row, ...stoppedBy(row.list), created_at: isoTime(createdAt) };
}

async function* suppressionCells(
  rows: AsyncIterable<Suppression>,
  timeOf: (at: number) => string,
): AsyncGenerator<string[]> {
  for await (const { address, reason, source, rehearsal, createdAt, detail, ...row } of rows) {
    const { scope, list } = stoppedBy(row.list);
    const from = rehearsal ? `${source} (rehearsals only)` : source;
    yield [address, scope, list ?? "", reason, from, timeOf(createdAt), detail ?? ""];
  }
}
