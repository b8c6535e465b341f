/** The reason why a filter or operator cannot use a value. */
import { RenderProblem } from "../problem.ts";
import { shortened } from "../../printable.ts";

/** The most characters of a tag or value in a reason. */
const LONGEST = 90;

/**
 * A value that a filter or operator cannot use. `message` is the reason without its place, because filters and
 * operators do not know theirs.
 */
export class ValueProblem extends RenderProblem {
  /** The reason for refusing the row: the tag as it is written, then `message`. */
  at(tag: string): RenderProblem {
    return new RenderProblem(`${shown(tag)}: ${this.message}`);
  }
}

/** A tag or value on one line, cut after 90 characters. */
export function shown(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return shortened(line, LONGEST);
}

/** A value for a reason: as JSON on one line, cut after 90 characters; `nothing` for undefined. */
export function quoted(value: unknown): string {
  return shown(JSON.stringify(value) ?? "nothing");
}
