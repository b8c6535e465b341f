import { Tokenizer, TypeGuards } from "liquidjs";
import { engine, LIMITS } from "./engine.ts";

export type Tokens = ReturnType<Tokenizer["readTopLevelTokens"]>;

/** Throws `Error` for a template beyond the limit. */
export function tokensOf(source: string): Tokens {
  const { options } = engine();
  if (source.length > LIMITS.parseLimit) throw new Error("too long");
  return new Tokenizer(source, options.operators).readTopLevelTokens(options);
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
