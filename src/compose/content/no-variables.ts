/** Refuses variables in settings that are the same for every recipient. */
import { UserError } from "../../errors.ts";
import { shown } from "../shown.ts";

/** Whether a text has Liquid in it: a value or a tag. */
export function hasVariables(text: string): boolean {
  return /\{[{%]/.test(text);
}

/**
 * Throws `UserError` when `text` has Liquid although its place is the same for every recipient. `where` begins the
 * message: an option, or file, line and key.
 */
export function refuseVariables(where: string, text: string): void {
  if (!hasVariables(text)) return;
  throw new UserError(
    `${where} is the same for every recipient and takes no variables, got ${shown(text)}`,
    "variables may stand in subject, preheader, headers, attachments, unsubscribe_url and the names of from and reply_to",
  );
}
