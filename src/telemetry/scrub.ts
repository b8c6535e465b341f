/** Removes from a text what must not leave the machine. */
import type { Env } from "./telemetry.ts";

const SECRETS = [
  "SES_MAIL_API_KEY",
  "SES_MAIL_SECRET",
  "SES_MAIL_SNS_RAW_SECRET",
  "AWS_ACCESS_KEY_ID",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
];
/** A shorter value may be a word that many texts hold. */
const LEAST_SECRET = 8;
/** Nobody learns more from a longer text. */
const MOST_CHARACTERS = 1_000;

const URL_TAIL = /\b([a-z][a-z0-9+.-]*:\/\/)(?:[^\s/?#@"']*@)?([^\s/?#"'<>]*)[^\s"'<>]*/gi;
const QUERY = /\?[^\s"'<>]+/g;
// Also with a quoted local part, and percent-encoded; not `node_modules/@scope`.
const ADDRESS = /(?:"[^"\n]*"|[^\s@<>"'(),:;/=]+)(?:@|%40)[^\s@<>"'(),:;/]+/gi;
/** A long run of letters and digits: a token, a key, an id. Names in code and SQLite's error codes have no digits. */
const TOKEN = /(?=[\w~+-]*\d)(?=[\w~+-]*[a-z])[\w~+-]{16,}(?:\.[\w~+-]+)*={0,2}/gi;

/**
 * Makes a function that replaces e-mail addresses, paths and queries of URLs, tokens, and the secrets of the
 * environment. It returns at most 1,000 characters.
 */
export function scrubber(env: Env): (text: string) => string {
  const secrets = SECRETS.map((name) => env[name]?.trim() ?? "").filter((value) => value.length >= LEAST_SECRET);
  return (text) => {
    // Secrets come first, before another replacement can cut one in two.
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
