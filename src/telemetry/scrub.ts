/** Takes out of a text what must not leave the machine. */
import type { Env } from "./telemetry.ts";

const SECRETS = [
  "SES_MAIL_API_KEY",
  "SES_MAIL_SECRET",
  "SES_MAIL_SNS_RAW_SECRET",
  "AWS_ACCESS_KEY_ID",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
];
/** Shorter values are words that stand in many texts. */
const LEAST_SECRET = 8;
/** More of a text than this tells nothing more. */
const MOST_CHARACTERS = 1_000;

const URL_TAIL = /\b([a-z][a-z0-9+.-]*:\/\/)(?:[^\s/?#@"']*@)?([^\s/?#"'<>]*)[^\s"'<>]*/gi;
const QUERY = /\?[^\s"'<>]+/g;
// Also with a quoted local part, and percent-encoded. Not `node_modules/@scope`.
const ADDRESS = /(?:"[^"\n]*"|[^\s@<>"'(),:;/=]+)(?:@|%40)[^\s@<>"'(),:;/]+/gi;
/** Long and of letters and digits: a token, a key, an id. Names in code and SQLite's error codes have no digits. */
const TOKEN = /(?=[\w~+-]*\d)(?=[\w~+-]*[a-z])[\w~+-]{16,}(?:\.[\w~+-]+)*={0,2}/gi;

/**
 * Returns a function that replaces e-mail addresses, paths and queries of URLs, tokens, and the secrets of the
 * environment, and cuts what is longer than a thousand characters.
 */
export function scrubber(env: Env): (text: string) => string {
  const secrets = SECRETS.map((name) => env[name]?.trim() ?? "").filter((value) => value.length >= LEAST_SECRET);
  return (text) => {
    // First, and before anything else can split what is known.
    const known = secrets.reduce(
      (left, secret) => left.replaceAll(secret, "[secret]"),
      text.slice(0, 4 * MOST_CHARACTERS),
    );
    return known
      .replace(URL_TAIL, "$1$2/[path]")
      .replace(QUERY, "?[query]")
      .replace(ADDRESS, "[address]")
      .replace(TOKEN, "[token]")
      .slice(0, MOST_CHARACTERS);
  };
}
