/** Checks the address under which a `serve` is reached. */
import { UserError } from "../errors.ts";

const LOOPBACK = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/;
/** An address that needs no escaping in HTML, headers and text. */
const PLAIN = /^https?:\/\/[A-Za-z0-9.:[\]-]+(?:\/[A-Za-z0-9._~%/-]*)?$/;

/**
 * Checks `--base-url`, the address under which readers reach a `serve`: https (http only for this machine), perhaps a
 * path, no query, at most 200 characters. Returns it without a slash at the end, the host in lower case and punycode.
 * Throws `UserError` for anything else.
 */
export function parseBaseUrl(typed: string): string {
  const url = URL.canParse(typed.trim()) ? new URL(typed.trim()) : null;
  const refuse = (why: string) =>
    new UserError(
      `--base-url expects an address such as https://mail.example.com, got ${JSON.stringify(typed.slice(0, 200))}: ${why}`,
      "name the address under which readers reach ses-mail serve",
    );
  if (url === null || !/^https?:$/.test(url.protocol)) throw refuse("it is no https address");
  if (url.protocol === "http:" && !LOOPBACK.test(url.hostname)) throw refuse("http is for this machine only");
  if (url.username || url.password) throw refuse("it has a user name or password");
  if (/[?#]/.test(typed)) throw refuse("it has a query or fragment");
  const address = url.href.replace(/\/+$/, "");
  if (!PLAIN.test(address)) throw refuse("its path has characters beyond letters, digits and -._~%/");
  if (address.length > 200) throw refuse("it is longer than 200 characters");
  return address;
}
