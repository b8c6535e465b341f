/** The options that say what mail has that programs and brokers bring, read and checked. */
import { type ContentOverrides, readEnvelope } from "../compose/content/content.ts";
import type { Settings } from "../serve/gateway.ts";
import { parseBaseUrl } from "../tracking/base-url.ts";
import { readTracking, type TrackingFlags } from "./tracking.ts";

/** Options that say what mail has that comes in from outside. */
export interface IncomingFlags extends TrackingFlags {
  from?: string;
  replyTo?: string[];
  header?: string[];
  configurationSet?: string;
  tenant?: string;
  tag?: string[];
  unsubscribeMailto?: string;
}

/** What mail that comes in from outside has, unless it says otherwise. */
export type IncomingSettings = Pick<Settings, "envelope" | "baseUrl" | "tracking">;

/** Checks what mail from outside has. Throws `UserError` for the first option that cannot be used. */
export function readIncoming(flags: IncomingFlags): IncomingSettings {
  const tracking = readTracking(flags);
  // Check these options without a sender, too: a misspelt one must be an error now, not when a sender is given.
  const envelope = readEnvelope(overridesOf({ ...flags, from: flags.from ?? "nobody@example.com" }));
  return {
    envelope: flags.from === undefined ? null : envelope,
    baseUrl: flags.baseUrl === undefined ? null : parseBaseUrl(flags.baseUrl),
    tracking,
  };
}

function overridesOf(flags: IncomingFlags): ContentOverrides {
  return {
    from: flags.from ?? "",
    ...(flags.replyTo && { replyTo: flags.replyTo }),
    ...(flags.header && { headers: flags.header }),
    ...(flags.configurationSet !== undefined && { configurationSet: flags.configurationSet }),
    ...(flags.tenant !== undefined && { tenant: flags.tenant }),
    ...(flags.tag && { tags: flags.tag }),
    ...(flags.unsubscribeMailto !== undefined && { unsubscribeMailto: flags.unsubscribeMailto }),
  };
}
