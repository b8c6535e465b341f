/** A mistake in a template, and the tag it is in. */
import { UserError } from "../../errors.ts";
import { shown } from "./value-problem.ts";

/**
 * A mistake in a template, thrown while the template is read. `index` is its place in the source, `hint` says what to
 * write instead.
 */
export class Mistake extends Error {
  override name = "Mistake";
  readonly index: number;
  readonly hint: string;

  constructor(index: number, message: string, hint: string) {
    super(oneLine(message));
    this.index = index;
    this.hint = oneLine(hint);
  }

  /** The error for the author. `label` names the file or part, and `source` begins on its line `firstLine`. */
  toUserError(label: string, source: string, firstLine: number): UserError {
    const line = firstLine + source.slice(0, this.index).split("\n").length - 1;
    return new UserError(`${label}, line ${line}: ${this.message}`, this.hint);
  }
}

function oneLine(text: string): string {
  return text.replace(/\s*[\r\n]\s*/g, " ");
}

/** A mistake in one tag. `what` says what is wrong ("unexpected ="), `index` is a place in the source. */
export function mistakeIn(tag: Tag, index: number, what: string, hint: string): Mistake {
  return new Mistake(index, `${what} in ${shown(tag.text)}`, hint);
}

/** One `{{ … }}` or `{% … %}` of a template. */
export interface Tag {
  kind: "output" | "tag";
  /** As written, with its braces. */
  text: string;
  /** Where it begins in the source. */
  index: number;
  /** The text between the braces (and dashes), trimmed, and where it begins in the source. */
  content: string;
  contentIndex: number;
}
