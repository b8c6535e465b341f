/** The `suppress` commands for single addresses: add, remove, list. */
import { parseAddress } from "../compose/address/address.ts";
import type { Context } from "./context.ts";
import { count } from "../counted.ts";
import { EXIT, UserError } from "../errors.ts";
import { jsonLines, writeLines } from "./output.ts";
import type { Suppressions } from "../store/store.ts";
import { shortTime } from "../time/short.ts";
import { isoTime } from "../time/iso.ts";

/** Options of `suppress add`. */
export interface SuppressAddFlags {
  reason: string;
  /** For people. */
  note?: string;
}

/** `suppress add`: adds all of the addresses. Throws `UserError`, and adds none, when one is not an address. */
export async function suppress(context: Context, addresses: string[], flags: SuppressAddFlags): Promise<number> {
  const { terminal, globals } = context;
  const checked = addresses.map(checkAddress);
  const store = await context.openStore();
  const detail = flags.note ?? null;
  const added = await store.suppress(
    checked.map((address) => ({ address, reason: flags.reason, source: "manual", detail })),
  );
  if (globals.json) terminal.json({ added, known: checked.length - added });
  else terminal.done(`${count(added)} added, ${count(checked.length - added)} known before`);
  return EXIT.done;
}

/** `suppress remove`: removes all of the addresses. Throws `UserError`, and removes none, when one is not an address. */
export async function unsuppress({ openStore, terminal, globals }: Context, addresses: string[]): Promise<number> {
  const checked = addresses.map(checkAddress);
  const store = await openStore({ ifMissing: "refuse" });
  const removed = await store.unsuppress(checked);
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

/** `suppress list`: prints every suppressed address, why it is suppressed, and since when. */
export async function listSuppressions(context: Context): Promise<number> {
  const { io, openStore, terminal, globals } = context;
  const store = await openStore({ ifMissing: "refuse", toRead: true });
  if (globals.json) await writeLines(context, null, jsonLines("suppressions", suppressionJson(store)));
  else if ((await store.searchSuppressions(FIRST)).rows.length === 0) terminal.result("nobody is suppressed");
  else {
    const head = ["address", "reason", "source", "since", "detail"];
    // Scripts that read the lines of a pipe get the whole instant.
    const now = io.clock.now();
    const timeOf = io.stdout.isTTY === true ? (at: number) => shortTime(at, { now }) : isoTime;
    await writeLines(
      context,
      null,
      terminal.tableLines(head, () => suppressionCells(store, timeOf), "full"),
    );
  }
  return EXIT.done;
}

/** Asks for one entry, to know whether there are any. */
const FIRST = { text: "", after: null, limit: 1 };

async function* suppressionJson(store: Suppressions) {
  for await (const { createdAt, list: _, ...row } of store.suppressions())
    yield { ...row, created_at: isoTime(createdAt) };
}

async function* suppressionCells(store: Suppressions, timeOf: (at: number) => string): AsyncGenerator<string[]> {
  for await (const { address, reason, source, rehearsal, createdAt, detail } of store.suppressions())
    yield [address, reason, rehearsal ? `${source} (rehearsals only)` : source, timeOf(createdAt), detail ?? ""];
}
