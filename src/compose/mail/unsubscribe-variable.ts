/**
 * The variable `{{ unsubscribe_url }}`. With `--unsubscribe` it is the link of the message, and a column of that name
 * is ignored: in a list from another system it leads to a place where nobody records unsubscribing any more.
 */
import type { Part } from "../liquid/part.ts";
import { text } from "../liquid/tracer.ts";
import { markOf, type PartName } from "./value-mark.ts";

const NAME = "unsubscribe_url";
const PLACEHOLDER = /\{\{ unsubscribe_url \}\}|\{\{unsubscribe_url\}\}/;

/** Whether a variable is `unsubscribe_url`, in upper or lower case. */
export function isUnsubscribeUrl(name: string): boolean {
  return name.toLowerCase() === NAME;
}

/**
 * A part for literal text. Only `{{ unsubscribe_url }}` and `{{unsubscribe_url}}` are replaced, and only with
 * `hasUnsubscribe`.
 */
export function literalPart(name: PartName, source: string, hasUnsubscribe: boolean): Part {
  const pieces = hasUnsubscribe ? source.split(PLACEHOLDER) : [source];
  const constant = pieces.length === 1;
  const skeleton = pieces.reduce((whole, piece, index) => whole + markOf(name, "markup", index - 1) + piece);
  return {
    variables: constant ? [] : [{ name: NAME, path: null, optional: true }],
    required: [],
    simple: true,
    constant,
    bare: false,
    trace: (scope) => ({
      skeleton,
      values: pieces.slice(1).map(() => ({ kind: "markup" as const, text: text(scope[NAME]) })),
    }),
  };
}
