/** Reads the headers that were posted with a message. Their values are texts, not templates. */
import { oneClickProblem } from "../compose/content/header-value.ts";
import { checkHeaderNames, wireHeader } from "../compose/content/headers.ts";
import { literally } from "../compose/liquid/literally.ts";
import type { Header } from "../message.ts";
import { isObject } from "../json.ts";
import { type Place, reasonOf } from "./place.ts";
import { textProblem } from "../compose/content/sound-text.ts";

/**
 * The headers of a message, their values written as templates that give what was posted. A header that is wrong is reported and left
 * out. `isListed`: the message has a list of its own, whose List-Id is ours to write.
 */
export function readHeaders(message: Place, { isListed }: { isListed: boolean }): Header[] {
  const given = message.fields["headers"];
  if (!isObject(given)) return [];
  const headers = Object.entries(given).flatMap(([name, value]) => {
    // What is no text, the schema has reported.
    if (typeof value !== "string") return [];
    const problem = problemOf({ name, value }, isListed);
    if (problem !== null) message.problem(placeOf(name), problem);
    return problem === null ? [{ name, value }] : [];
  });
  const promise = oneClickProblem(headers);
  if (promise !== null) message.problem("headers", promise);
  return headers.map(({ name, value }) => ({ name, value: literally(value) }));
}

/** How much of a name an answer repeats, in characters. */
const MOST_SHOWN = 60;

/** Where a header stands in its message, as in `headers.X-Order`. */
function placeOf(name: string): string {
  return `headers.${name.length > MOST_SHOWN ? `${name.slice(0, MOST_SHOWN)}…` : name}`;
}

function problemOf({ name, value }: Header, isListed: boolean): string | null {
  const key = name.toLowerCase();
  if (isListed && key === "list-id") return "is written for the list of the message: leave out one of them";
  // Whether there is a List-Unsubscribe to it is asked of all headers together.
  const problem = key === "list-unsubscribe-post" ? null : nameProblem(name);
  if (problem !== null) return problem;
  const unsound = textProblem(value);
  if (unsound !== null) return unsound;
  const wired = wireHeader(name, value);
  return "problem" in wired ? wired.problem : null;
}

function nameProblem(name: string): string | null {
  try {
    checkHeaderNames([name]);
    return null;
  } catch (error) {
    return reasonOf(error);
  }
}

/** These headers over those: one replaces each of its name. */
export function withHeaders(headers: readonly Header[], over: readonly Header[]): Header[] {
  const beaten = new Set(over.map(({ name }) => name.toLowerCase()));
  return [...headers.filter(({ name }) => !beaten.has(name.toLowerCase())), ...over];
}
