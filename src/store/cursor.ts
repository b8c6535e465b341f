/** Where the page before ended. */
import { UserError } from "../errors.ts";
import type { Suppression } from "./rows.ts";

/** The parts of a cursor that an earlier page gave (`Page.next`). @throws UserError when it cannot have given this one. */
export function readCursor(cursor: string, pattern: RegExp): string[] {
  const found = pattern.exec(cursor);
  if (found !== null) return found.slice(1);
  throw new UserError(`there is no page after ${JSON.stringify(cursor.slice(0, 100))}`, "ask for the first page again");
}

/** The cursor of the page after this suppression. The length of the list comes first, because an address may hold any character. */
export function suppressionCursor({ createdAt, address, list }: Suppression): string {
  return `${createdAt} ${list.length} ${list}${address}`;
}

/** What `suppressionCursor` made the cursor from. @throws UserError when it made none like this. */
export function readSuppressionCursor(cursor: string): [createdAt: number, address: string, list: string] {
  const [createdAt, length, rest = ""] = readCursor(cursor, /^(-?\d{1,16}) (\d{1,4}) (.+)$/s);
  return [Number(createdAt), rest.slice(Number(length)), rest.slice(0, Number(length))];
}
