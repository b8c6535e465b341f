import { UserError } from "../../errors.ts";
import { shown } from "./value-problem.ts";

/** What is wrong in a template, where (an index into its source), and what to write instead. Thrown while a template is read. */
export class Mistake extends Error {
  override name = "Mistake";
  readonly index: number;
  readonly hint: string;

  constructor(index: number, message: string, hint: string) {
    super(oneLine(message));
    this.index = index;
    this.hint = oneLine(hint);
  }

  /** The error the author sees. `source` begins on line `firstLine` of what `label` names. */
  toUserError(label: string, source: string, firstLine: number): UserError {
    const line = firstLine + source.slice(0, this.index).split("\n").length - 1;
    return new UserError(`${label}, line ${line}: ${this.message}`, this.hint);
  }
}

function oneLine(text: string): string {
  return text.replace(/\s*[\r\n]\s*/g, " ");
}

/** A mistake inside one tag. `what` says what is there: "unexpected =". */
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
  /** What stands between the braces (and dashes), and where that begins in the source. */
  content: string;
  contentIndex: number;
}
