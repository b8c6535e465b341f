/**
 * `{{ unsubscribe_url }}`: with `--unsubscribe`, the message's own link. A column of that name is not looked at then: a list that was exported
 * elsewhere must not send people to where nobody records them any more.
 */
import type { Part } from "../liquid/part.ts";
import { markOf, type PartName } from "./value-mark.ts";

const NAME = "unsubscribe_url";
const PLACEHOLDER = /\{\{ unsubscribe_url \}\}|\{\{unsubscribe_url\}\}/;

export function isUnsubscribeUrl(name: string): boolean {
  return name.toLowerCase() === NAME;
}

/** Text that is final but for `{{ unsubscribe_url }}` and `{{unsubscribe_url}}`, and for those only when there is such a link. */
export function literalPart(name: PartName, source: string, hasUnsubscribe: boolean): Part {
  const pieces = hasUnsubscribe ? source.split(PLACEHOLDER) : [source];
  const constant = pieces.length === 1;
  const skeleton = pieces.reduce((whole, piece, index) => whole + markOf(name, "markup", index - 1) + piece);
  return {
    variables: constant ? [] : [{ name: NAME, path: null, optional: true }],
    required: [],
    simple: true,
    constant,
    trace: (scope) => ({
      skeleton,
      values: pieces.slice(1).map(() => ({ kind: "markup" as const, text: scope[NAME] ?? "" })),
    }),
  };
}
