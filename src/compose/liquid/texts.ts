/**
 * LiquidJS's text filters. A value without text (an object of posted data) is refused instead of mailed as `[object
 * Object]`.
 */
import { type FilterImplOptions, filters, toValue, TypeGuards } from "liquidjs";
import { inMarkup, type Language, Markup } from "./markup.ts";
import { current } from "./tracer.ts";
import { ValueProblem } from "./value-problem.ts";

type Handler = Extract<FilterImplOptions, (...args: never[]) => unknown>;

const NAMES =
  `append prepend strip lstrip rstrip upcase downcase capitalize remove remove_first remove_last replace replace_first replace_last
   split strip_newlines squish truncate truncatewords slugify join normalize_whitespace number_of_words array_to_sentence_string
   strip_html url_encode url_decode cgi_escape uri_escape base64_encode base64_decode sha256 hmac_sha256`.split(/\s+/);

/** Filters that percent-encode a value, so that it is not encoded again when it is written. */
export const ENCODING_FILTERS: ReadonlySet<string> = new Set(["url_encode", "cgi_escape", "uri_escape"]);

/**
 * The text filters. They throw `ValueProblem` for an object, alone or in a list, and nil counts as an empty text. When
 * a value is markup, the result is markup too: other values are escaped in it, and texts in quotes are the author's.
 */
export const TEXT_FILTERS: Record<string, Handler> = Object.fromEntries(NAMES.map((name) => [name, textFilter(name)]));

/** Lists without items that `split` made of an empty text. */
const blankSplits = new WeakSet<object>();

/** Whether a list was made of an empty text, and so is as empty as that. */
export function isBlankSplit(list: object): boolean {
  return blankSplits.has(list);
}

function textFilter(name: string): Handler {
  const work = filters[name] as Handler;
  return function (...values: unknown[]) {
    const language = languageOf(values);
    const isLiteral = (index: number) => index > 0 && TypeGuards.isQuotedToken(this.token.args[index - 1]);
    const given = values.map((value, index) =>
      textOf(language === null || isLiteral(index) ? value : eachOf(value, (one) => inMarkup(language, one)), name),
    );
    try {
      const made = work.apply(this, given as Parameters<Handler>) as unknown;
      if (name === "split" && Array.isArray(made) && made.length === 0) blankSplits.add(made);
      if (ENCODING_FILTERS.has(name)) return new Markup(current().language, [{ kind: "encoded", text: String(made) }]);
      return language === null
        ? made
        : eachOf(made, (one) => (typeof one === "string" ? new Markup(language, [one]) : one));
    } catch (error) {
      // The value has malformed percent signs or Base64.
      if (error instanceof URIError || (name === "base64_decode" && !isLimit(error)))
        throw new ValueProblem(`${name} cannot read this value; correct it in the list`);
      throw error;
    }
  };
}

/** The language of the first value, or item of a list, that is markup. Null when all are plain texts. */
function languageOf(values: unknown[]): Language | null {
  const found = values.flat().find((value) => value instanceof Markup && value.hasSigns);
  return found instanceof Markup ? found.language : null;
}

function eachOf(value: unknown, change: (one: unknown) => unknown): unknown {
  return Array.isArray(value) ? value.map(change) : change(value);
}

function isLimit(error: unknown): boolean {
  return error instanceof Error && error.message.includes("limit exceeded");
}

function textOf(given: unknown, name: string): unknown {
  const value: unknown = toValue(given);
  if (Array.isArray(value)) return value.map((item: unknown) => textOf(item, name) ?? "");
  if (typeof value === "object" && value !== null)
    throw new ValueProblem(`${name} expects a text and got an object; name the field of it that is meant`);
  return value;
}
