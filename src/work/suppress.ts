/** The `suppress` commands for single addresses: add, remove, list. */
import { parseAddress } from "../compose/address/address.ts";
import type { Context } from "./context.ts";
import { count } from "../counted.ts";
import { EXIT, UserError } from "../errors.ts";
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
export async function listSuppressions({ openStore, terminal, globals }: Context): Promise<number> {
  const store = await openStore({ ifMissing: "refuse", toRead: true });
  const rows: { address: string; reason: string; source: string; detail: string | null; created_at: string }[] = [];
  for await (const { createdAt, ...row } of store.suppressions()) {
    rows.push({ ...row, created_at: isoTime(createdAt) });
  }
  if (globals.json) terminal.json({ suppressions: rows });
  else if (rows.length === 0) terminal.result("nobody is suppressed");
  else {
    const cells = rows.map((row) => [row.address, row.reason, row.source, row.created_at, row.detail ?? ""]);
    terminal.result(await terminal.table(["address", "reason", "source", "since", "detail"], cells));
  }
  return EXIT.done;
}
