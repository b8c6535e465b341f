/** The `suppress` commands for single addresses: add, remove, list. */
import { parseAddress } from "../compose/address/address.ts";
import type { Context } from "./context.ts";
import { EXIT, UserError } from "../errors.ts";
import type { Suppression } from "../store/rows.ts";
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
  else terminal.result(`${added} added, ${checked.length - added} known before`);
  return EXIT.done;
}

/** `suppress remove`: removes all of the addresses. Throws `UserError`, and removes none, when one is not an address. */
export async function unsuppress({ openStore, terminal, globals }: Context, addresses: string[]): Promise<number> {
  const checked = addresses.map(checkAddress);
  const store = await openStore({ ifMissing: "refuse" });
  const removed = await store.unsuppress(checked);
  if (globals.json) terminal.json({ removed, unknown: checked.length - removed });
  else terminal.result(`${removed} removed, ${checked.length - removed} were not suppressed`);
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
  const store = await openStore({ ifMissing: "refuse" });
  const rows: (Omit<Suppression, "createdAt"> & { created_at: string })[] = [];
  for await (const { createdAt, ...row } of store.suppressions()) {
    rows.push({ ...row, created_at: isoTime(createdAt) });
  }
  if (globals.json) terminal.json({ suppressions: rows });
  else if (rows.length === 0) terminal.result("nobody is suppressed");
  else {
    // Most job files have none of rehearsals, and then nobody needs the column.
    const marked = rows.some(({ rehearsal }) => rehearsal);
    const cells = rows.map((row) => [
      row.address,
      row.reason,
      row.source,
      ...(marked ? [row.rehearsal ? "rehearsals only" : "all mail"] : []),
      row.created_at,
      row.detail ?? "",
    ]);
    const head = ["address", "reason", "source", ...(marked ? ["holds for"] : []), "since", "detail"];
    terminal.result(await terminal.table(head, cells));
  }
  return EXIT.done;
}
