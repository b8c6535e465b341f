/**
 * Allows spaces in the names of columns. Names in Liquid are words, so `{{ First Name }}` and `{{ e-mail (work) }}` are
 * rewritten to Liquid's `{{ ["First Name"] }}`. Text that is Liquid already (words, paths, literals, ranges,
 * comparisons) is not changed.
 */

/** The name in an output that is not in quotes or brackets. */
const SPACED_NAME = /(\{\{-?[\p{Zs}\t]*)([^\s|{}"'[\]][^|{}"'[\]\r\n]*?)([\p{Zs}\t]*(?:\||-?\}\}))/gu;
const LIQUID_EXPRESSION = /^[\p{L}\p{N}_?.-]+$|[=<>]|\.\.|[\s](?:and|or|contains)\s|^not\s/u;

/** Its content is no template. */
const RAW_BLOCK = /(\{%-?\s*raw\s*-?%\}[\s\S]*?\{%-?\s*endraw\s*-?%\})/;

/** The template with its spaced names in brackets and quotes. The number of lines stays the same. */
export function bracketNames(source: string): string {
  const pieces = source.split(RAW_BLOCK);
  return pieces.map((piece, index) => (index % 2 === 0 ? bracketed(piece) : piece)).join("");
}

function bracketed(source: string): string {
  return source.replace(SPACED_NAME, (whole, open: string, name: string, close: string) =>
    LIQUID_EXPRESSION.test(name) ? whole : `${open}["${name}"]${close}`,
  );
}

/** The spaced name at the beginning of an output (`{{ … }}`, as written), or null. */
export function spacedName(output: string): string | null {
  const [match] = output.matchAll(SPACED_NAME);
  const name = match?.index === 0 ? match[2] : undefined;
  return name === undefined || LIQUID_EXPRESSION.test(name) ? null : name;
}
