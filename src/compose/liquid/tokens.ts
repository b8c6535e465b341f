import { Tokenizer, TypeGuards } from "liquidjs";
import { UserError } from "../../errors.ts";
import { engine, LIMITS } from "./engine.ts";

export type Tokens = ReturnType<Tokenizer["readTopLevelTokens"]>;

/** Each is an object of many parts: more than this is a template that a program wrote, and memory that would be missed. */
const MOST_TAGS = 50_000;

/** Throws `UserError` for a template beyond the limits. `label` begins the message. */
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

export function tokensOf(source: string): Tokens {
  const { options } = engine();
  return new Tokenizer(source, options.operators).readTopLevelTokens(options);
}

function count(number: number): string {
  return number.toLocaleString("en-US");
}

/** A line of nothing but tags is no line of Markdown: left blank, it would end a list or a table. */
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

/** The first tag of a line that has nothing but tags before the token at `end`; `end` when there is none, or something else. */
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
 * The tokens as LiquidJS takes them, from the front. Of an array it would move all the others each time: minutes for a large template.
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
