/** What in a mail leads back to `serve`, as the options ask for it. */
import { checkTracking } from "../compose/content/kind.ts";
import { UserError } from "../errors.ts";
import type { Content, Tracking } from "../message.ts";
import { parseBaseUrl } from "../tracking/base-url.ts";

/** Tracking options of every command that makes mails. */
export interface TrackingFlags {
  trackOpens?: boolean;
  trackClicks?: boolean;
  unsubscribe?: boolean;
  baseUrl?: string;
}

/**
 * What in a mail leads back, for a content of this kind. Transactional mail goes without what the environment asks for, and
 * refuses what an option asks for with `UserError`.
 */
export function trackingFor(
  kind: Content["kind"],
  flags: TrackingFlags & { fromEnvironment?: ReadonlySet<string> },
): Tracking | null {
  if (kind !== "transactional") return readTracking(flags);
  const asked = Object.entries(flags).filter(([name]) => name === "baseUrl" || !flags.fromEnvironment?.has(name));
  const tracking = readTracking(Object.fromEntries(asked));
  checkTracking(kind, tracking);
  return tracking;
}

/** What each mail carries; null: nothing. Throws `UserError` for a bad base URL, and for an option that lacks one. */
export function readTracking(flags: TrackingFlags): Tracking | null {
  const baseUrl = flags.baseUrl === undefined ? null : parseBaseUrl(flags.baseUrl);
  const { trackOpens: opens = false, trackClicks: clicks = false, unsubscribe = false } = flags;
  const asked = opens ? "--track-opens" : clicks ? "--track-clicks" : unsubscribe ? "--unsubscribe" : null;
  if (asked === null) return null;
  if (baseUrl !== null) return { baseUrl, opens, clicks, unsubscribe };
  throw new UserError(
    `${asked} expects --base-url, got none`,
    "name the address under which readers reach ses-mail serve: --base-url https://mail.example.com",
  );
}
