/**
 * Liquid names are words; `{{ First Name }}` or `{{ e-mail (work) }}` is rewritten to the `{{ ["First Name"] }}` Liquid has
 * for such columns. Left alone: what reads as Liquid already (words, paths, literals, ranges, comparisons).
 */
const SPACED_NAME = /(\{\{-?[\p{Zs}\t]*)([^\s|{}"'[\]][^|{}"'[\]\r\n]*?)([\p{Zs}\t]*(?:\||-?\}\}))/gu;
const LIQUID_EXPRESSION = /^[\p{L}\p{N}_?.-]+$|[=<>]|\.\.|[\s](?:and|or|contains)\s|^not\s/u;

/** What stands in it is no template. */
const RAW_BLOCK = /(\{%-?\s*raw\s*-?%\}[\s\S]*?\{%-?\s*endraw\s*-?%\})/;

/** The template with its spaced names in brackets; lines stay where they are. */
export function bracketNames(source: string): string {
  const pieces = source.split(RAW_BLOCK);
  return pieces.map((piece, index) => (index % 2 === 0 ? bracketed(piece) : piece)).join("");
}

function bracketed(source: string): string {
  return source.replace(SPACED_NAME, (whole, open: string, name: string, close: string) =>
    LIQUID_EXPRESSION.test(name) ? whole : `${open}["${name}"]${close}`,
  );
}

/** The spaced name with which an output (`{{ … }}`, as written) begins, or null. */
export function spacedName(output: string): string | null {
  const [match] = output.matchAll(SPACED_NAME);
  const name = match?.index === 0 ? match[2] : undefined;
  return name === undefined || LIQUID_EXPRESSION.test(name) ? null : name;
}
