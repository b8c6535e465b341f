/** Reads templates into the tokens of LiquidJS, within limits. */
import { count } from "../../counted.ts";
import { Tokenizer, TypeGuards } from "liquidjs";
import { UserError } from "../../errors.ts";
import { engine, LIMITS } from "./engine.ts";

/** The tokens of a template, as LiquidJS reads them. */
export type Tokens = ReturnType<Tokenizer["readTopLevelTokens"]>;

/** Each tag takes much memory as an object. A template with more tags was written by a program. */
const MOST_TAGS = 50_000;

/**
 * Throws `UserError` for a template of more than `LIMITS.parseLimit` characters or 50,000 tags. `label` begins the
 * message.
 */
export function checkSize(label: string, source: string): void {
  if (source.length > LIMITS.parseLimit) {
    throw new UserError(
      `${label} is ${count(source.length)} characters long, the limit is ${count(LIMITS.parseLimit)}`,
      "shorten it; pictures are better files than data: addresses",
    );
  }
  const tags = source.match(/\{[{%]/g)?.length ?? 0;
  if (tags <= MOST_TAGS) return;
  throw new UserError(`${label} has ${count(tags)} tags and variables, the limit is ${count(MOST_TAGS)}`, "shorten it");
}

/** The tokens of a template, in order. Throws errors of LiquidJS. */
export function tokensOf(source: string): Tokens {
  const { options } = engine();
  return new Tokenizer(source, options.operators).readTopLevelTokens(options);
}

/**
 * Removes the lines of Markdown that have only tags: as a blank line, such a line would end a list or a table. Changes
 * the tokens.
 */
export function dropTagLines(tokens: Tokens): void {
  tokens.forEach((token, at) => {
    if (!TypeGuards.isHTMLToken(token)) return;
    const lineEnd = /^[ \t]*\r?\n/.exec(token.getContent());
    const first = lineEnd ? firstOfTagLine(tokens, at) : at;
    if (lineEnd === null || first === at) return;
    const before = tokens[first - 1];
    if (before !== undefined && TypeGuards.isHTMLToken(before)) {
      before.trimRight += /[ \t]*$/.exec(before.getContent())?.[0].length ?? 0;
    }
    token.trimLeft += lineEnd[0].length;
  });
}

/**
 * The index of the first tag of a line that has only tags before the token at `end`; `end` when there is none, or other
 * text.
 */
function firstOfTagLine(tokens: Tokens, end: number): number {
  let first = end;
  for (let at = end - 1; at >= 0; at--) {
    const token = tokens[at];
    if (TypeGuards.isTagToken(token)) first = at;
    else if (!TypeGuards.isHTMLToken(token)) return end;
    else if (!/^[ \t]+$/.test(token.getContent()) || at === 0)
      return /(?:^|\n)[ \t]*$/.test(token.getContent()) ? first : end;
  }
  return first;
}

/**
 * The tokens with a fast `shift`, which LiquidJS's parser calls for each token. In an array every call would move all
 * other tokens, and a large template would take minutes.
 */
export function queueOf(tokens: Tokens): Tokens {
  let next = 0;
  const queue = {
    get length() {
      return tokens.length - next;
    },
    shift: () => tokens[next++],
  };
  return queue as unknown as Tokens;
}
