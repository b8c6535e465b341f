/** Translates filters and date formats of other systems for hints. */

/** Filters that need values: how many at least, and an example for hints. */
export const FILTER_VALUES: Record<string, { count: number; example: string }> = {
  default: { count: 1, example: 'default: "friend"' },
  append: { count: 1, example: 'append: "!"' },
  prepend: { count: 1, example: 'prepend: "Dr "' },
  plus: { count: 1, example: "plus: 5" },
  minus: { count: 1, example: "minus: 5" },
  times: { count: 1, example: "times: 2" },
  divided_by: { count: 1, example: "divided_by: 2" },
  modulo: { count: 1, example: "modulo: 2" },
  at_least: { count: 1, example: "at_least: 0" },
  at_most: { count: 1, example: "at_most: 100" },
  split: { count: 1, example: 'split: ","' },
  remove: { count: 1, example: 'remove: "-"' },
  remove_first: { count: 1, example: 'remove_first: "-"' },
  remove_last: { count: 1, example: 'remove_last: "-"' },
  replace: { count: 1, example: 'replace: "a", "b"' },
  replace_first: { count: 1, example: 'replace_first: "a", "b"' },
  replace_last: { count: 1, example: 'replace_last: "a", "b"' },
  slice: { count: 1, example: "slice: 0, 3" },
  map: { count: 1, example: 'map: "name"' },
  where: { count: 1, example: 'where: "state", "open"' },
  date: { count: 0, example: 'date: "%d.%m.%Y"' },
  hmac_sha256: { count: 1, example: 'hmac_sha256: "key"' },
};

const names = (name: string, others: string): [string, string][] => others.split(" ").map((other) => [other, name]);

const FOREIGN = new Map<string, string>([
  ...names("upcase", "upper uppercase toupper toUpperCase to_upper strtoupper ucase"),
  ...names("downcase", "lower lowercase tolower toLowerCase to_lower strtolower lcase"),
  ...names("capitalize", "title titlecase titleize ucfirst capfirst ucwords propercase capitalise"),
  ...names("strip", "trim"),
  ...names("lstrip", "ltrim trimStart"),
  ...names("rstrip", "rtrim trimEnd"),
  ...names("size", "length len count strlen"),
  ...names("raw", "safe html unescape noescape n"),
  ...names("escape", "e h force_escape escape_html htmlspecialchars"),
  ...names("url_encode", "urlencode url encodeURIComponent uri_encode escape_url"),
  ...names("newline_to_br", "nl2br linebreaksbr linebreaks nltobr"),
  ...names("strip_html", "striptags strip_tags plaintext remove_html"),
  ...names("date", "date_format format_date strftime datetime format dateformat time as_date"),
  ...names("default", "fallback def ifempty default_if_none d otherwise"),
  ...names("plus", "add increment"),
  ...names("minus", "sub subtract"),
  ...names("times", "mul multiply"),
  ...names("divided_by", "div divide dividedby divideBy"),
  ...names("modulo", "mod"),
  ...names("slice", "substr substring mid"),
  ...names("truncate", "truncatechars limit ellipsis shorten"),
  ...names("append", "concatenate postfix suffix"),
  ...names("prepend", "prefix"),
  ...names("replace", "str_replace gsub sub_all"),
  ...names("split", "explode"),
  ...names("join", "implode"),
  ...names("to_integer", "int integer parseInt to_i"),
  ...names("json", "to_json tojson jsonencode"),
]);

/** Filters for money and numbers, which have no counterpart here. */
const MONEY = new Set(
  "money money_with_currency currency number_format number_with_delimiter floatformat format_number intcomma number".split(
    " ",
  ),
);

/**
 * The filter to use here for a filter of another system (`name` is not set when there is none), and a hint. Null for an
 * unknown name.
 */
export function foreignFilter(name: string): { name?: string; hint: string } | null {
  const known = FOREIGN.get(name) ?? FOREIGN.get(name.toLowerCase());
  if (known !== undefined) return { name: known, hint: `write ${FILTER_VALUES[known]?.example ?? known}` };
  if (MONEY.has(name.toLowerCase()))
    return { hint: "write round: 2, and the currency beside the braces: {{ price | round: 2 }} EUR" };
  return null;
}

/** The parts of date formats in other systems, longest first, with those of strftime. */
const TOKENS = new Map(
  "yyyy=%Y YYYY=%Y MMMM=%B dddd=%A EEEE=%A MMM=%b ddd=%a EEE=%a yy=%y YY=%y MM=%m DD=%d dd=%d HH=%H hh=%I mm=%M ss=%S M=%-m D=%-d d=%-d H=%-H h=%-I A=%p a=%P"
    .split(" ")
    .map((pair) => pair.split("=") as [string, string]),
);
/** PHP's single letters (manual: DateTimeInterface::format). */
const PHP: Record<string, string> = {
  d: "%d",
  j: "%-d",
  D: "%a",
  l: "%A",
  m: "%m",
  n: "%-m",
  M: "%b",
  F: "%B",
  Y: "%Y",
  y: "%y",
  H: "%H",
  G: "%-H",
  h: "%I",
  g: "%-I",
  i: "%M",
  s: "%S",
  A: "%p",
  a: "%P",
};

/**
 * The strftime format that is probably meant by a date format without `%`. Null when the format has a `%` or no
 * letters.
 */
export function mendedFormat(format: string): string | null {
  return format.includes("%") || !/\p{L}/u.test(format) ? null : strftimeOf(format);
}

function strftimeOf(format: string): string {
  if (/(\p{L})\1/u.test(format)) {
    const tokens = new RegExp([...TOKENS.keys()].join("|"), "g");
    return format.replace(tokens, (token) => TOKENS.get(token) ?? token);
  }
  if (/^(?:[djDlmnMFYyHGhgisAa]|[^\p{L}])+$/u.test(format))
    return format.replace(/\p{L}/gu, (letter) => PHP[letter] ?? letter);
  return "%d.%m.%Y";
}
