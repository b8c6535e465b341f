import { UserError } from "../errors.ts";

/** The parts of a cursor that an earlier page gave (`Page.next`). @throws UserError when it cannot have given this one. */
export function readCursor(cursor: string, pattern: RegExp): string[] {
  const found = pattern.exec(cursor);
  if (found !== null) return found.slice(1);
  throw new UserError(`there is no page after ${JSON.stringify(cursor.slice(0, 100))}`, "ask for the first page again");
}
