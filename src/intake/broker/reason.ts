/** Why a delivery cannot be taken in, as one line for people. */
import { printable } from "../../printable.ts";
import type { Problem } from "../problems.ts";
import type { AskedMail } from "./asked.ts";

/** How many problems a reason names, and how long it may be. */
const MOST_NAMED = 3;
const MOST_REASON = 500;

/** What is wrong with a mail, in the words of its payload. */
export function reasonOf(problems: readonly Problem[], asked: Pick<AskedMail, "placeOf">): string {
  const named = problems.slice(0, MOST_NAMED).map(({ path, message }) => {
    const place = asked.placeOf(path.replace(/^messages\[\d+\]\.?/, ""));
    return place === "" ? message : `${place}: ${message}`;
  });
  const more = problems.length - named.length;
  return oneLine(named.join("; ") + (more > 0 ? `; and ${more} more` : ""));
}

/** What is said of an error that is ours. */
export function failure(error: unknown): string {
  return oneLine(`ses-mail failed: ${error instanceof Error ? error.message : String(error)}`);
}

/** Any text as one line of at most 500 characters, and one more where it was cut. */
export function oneLine(text: string): string {
  const line = printable(text.toWellFormed());
  return line.length > MOST_REASON ? `${line.slice(0, MOST_REASON).toWellFormed()}…` : line;
}
