/** LiquidJS's filters that make a text: what has no text (an object of posted data) is refused instead of mailed as `[object Object]`. */
import { type FilterImplOptions, filters, toValue } from "liquidjs";
import { ValueProblem } from "./value-problem.ts";

type Handler = Extract<FilterImplOptions, (...args: never[]) => unknown>;

const NAMES =
  `append prepend strip lstrip rstrip upcase downcase capitalize remove remove_first remove_last replace replace_first replace_last
   split strip_newlines squish truncate truncatewords slugify join normalize_whitespace number_of_words array_to_sentence_string
   strip_html url_encode url_decode cgi_escape uri_escape base64_encode base64_decode sha256 hmac_sha256`.split(/\s+/);

/** Each throws `ValueProblem` for an object, alone or in a list, and takes nothing (nil) for the empty text it is. */
export const TEXT_FILTERS: Record<string, Handler> = Object.fromEntries(NAMES.map((name) => [name, textFilter(name)]));

function textFilter(name: string): Handler {
  const work = filters[name] as Handler;
  return function (...values: unknown[]) {
    try {
      return work.apply(this, values.map((value) => textOf(value, name)) as Parameters<Handler>) as unknown;
    } catch (error) {
      // Malformed percent signs or Base64, which only the value shows.
      if (error instanceof URIError || (name === "base64_decode" && !isLimit(error)))
        throw new ValueProblem(`${name} cannot read this value; correct it in the list`);
      throw error;
    }
  };
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
