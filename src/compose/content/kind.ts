/** What transactional mail must not have: its reader waits for it, and cannot unsubscribe from it. */
import { UserError } from "../../errors.ts";
import type { Content, Tracking } from "../../message.ts";

/** The headers with a way to unsubscribe (RFC 2369, RFC 8058), in lower case. */
export const UNSUBSCRIBE_HEADERS = new Set(["list-unsubscribe", "list-unsubscribe-post"]);

/**
 * Throws `UserError` for a transactional content with a way to unsubscribe or with tracking. `variables` are those of
 * its templates.
 */
export function checkKind(content: Content, variables: readonly string[]): void {
  if (content.kind !== "transactional") return;
  const found = unsubscribingIn(content, variables);
  if (found !== null) throw transactionalError("no way to unsubscribe", found);
  checkTracking(content.kind, content.tracking ?? null);
}

/** Throws `UserError` for transactional mail with links that lead back to us. */
export function checkTracking(kind: Content["kind"], tracking: Tracking | null): void {
  if (kind !== "transactional" || tracking === null) return;
  if (tracking.unsubscribe) throw transactionalError("no way to unsubscribe", "--unsubscribe");
  throw transactionalError("no tracking", tracking.opens ? "--track-opens" : "--track-clicks");
}

/** The first way to unsubscribe that the content has, as its author knows it; null: none. */
function unsubscribingIn(content: Content, variables: readonly string[]): string | null {
  const header = content.headers.find(({ name }) => UNSUBSCRIBE_HEADERS.has(name.toLowerCase()));
  if (header) return `the header ${header.name}`;
  if (content.unsubscribeUrl !== null) return "an unsubscribe URL (unsubscribe_url, --unsubscribe-url)";
  if (content.unsubscribeMailto !== null) return "an unsubscribe address (unsubscribe_mailto, --unsubscribe-mailto)";
  const variable = variables.find((name) => name.toLowerCase() === "unsubscribe_url");
  return variable === undefined ? null : `{{ ${variable} }}`;
}

function transactionalError(has: string, got: string): UserError {
  return new UserError(
    `transactional mail has ${has}, got ${got}`,
    "leave that out, or send it as bulk mail: without --transactional and kind: transactional",
  );
}
