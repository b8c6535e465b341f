import { RenderProblem } from "../problem.ts";

/** The longest tag or value that a reason quotes whole. */
const LONGEST = 90;

/** A value does not say what the template asks of it. `message` is the reason without its place: neither operators nor filters know theirs. */
export class ValueProblem extends RenderProblem {
  /** The reason a row is refused with: the tag as written, what came and what to do. */
  at(tag: string): RenderProblem {
    return new RenderProblem(`${shown(tag)}: ${this.message}`);
  }
}

/** A tag or a value on one line of bounded length. */
export function shown(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line;
}

/** A value as a reason names it: a text in quotes, everything else as JSON. */
export function quoted(value: unknown): string {
  return shown(JSON.stringify(value) ?? "nothing");
}
