/** Which marks an event leaves on its message, and which of several bounces is shown. */
import type { SesEvent } from "../../feedback/ses-event.ts";
import { isComplaint } from "../../feedback/suppression-policy.ts";
import type { Mark } from "./event-counters.ts";

/** The fields of an event that decide which marks it leaves. */
export type Marking = Pick<SesEvent, "type" | "bounceType" | "complaintType" | "machine" | "unsubscribes">;

const OF_TYPE: Partial<Record<SesEvent["type"], readonly Mark[]>> = {
  delivery: ["delivered_at"],
  complaint: ["complained_at"],
  open: ["opened_at", "reader_opened_at"],
  click: ["clicked_at"],
  reject: ["rejected_at"],
  rendering_failure: ["rejected_at"],
  delivery_delay: ["delayed_at"],
};
const HARD: readonly Mark[] = ["bounced_at"];
const SOFT: readonly Mark[] = ["soft_bounced_at"];
const OPENED_BY_MACHINE: readonly Mark[] = ["opened_at"];
const UNSUBSCRIBED: readonly Mark[] = ["unsubscribed_at"];
const NONE: readonly Mark[] = [];

/** The marks that an event leaves on its message. Events that say nothing new (`send`, a `not-spam` report) leave none. */
export function marksOf({ type, bounceType, complaintType, machine, unsubscribes }: Marking): readonly Mark[] {
  if (type === "bounce") return bounceType === "Permanent" ? HARD : SOFT;
  if (type === "open" && machine) return OPENED_BY_MACHINE;
  if (type === "complaint" && !isComplaint(complaintType)) return NONE;
  if (type === "subscription" && unsubscribes) return UNSUBSCRIBED;
  return OF_TYPE[type] ?? NONE;
}

/**
 * What is known about the bounces of a message: when the first of each kind came (ms since the epoch), and type and subtype of the
 * one that is shown.
 */
export interface Bounces {
  /** Of the first hard bounce; null: there was none. */
  bounced_at: number | null;
  /** Of the first soft bounce; null: there was none. */
  soft_bounced_at: number | null;
  bounce_type: string | null;
  bounce_subtype: string | null;
}

/** One bounce. */
export interface Bounce {
  /** Milliseconds since the epoch. */
  at: number;
  bounceType: string | null;
  bounceSubType: string | null;
}

/**
 * True when this bounce is the one to show of its message. A permanent bounce goes before any other, then the earlier one. Equal
 * times are decided by type and subtype, so that the order in which bounces come does not matter. `known` leaves this bounce out.
 */
export function isVerdict(known: Bounces, { at, bounceType, bounceSubType }: Bounce): boolean {
  const isPermanent = bounceType === "Permanent";
  if (!isPermanent && known.bounced_at !== null) return false;
  const shown = isPermanent ? known.bounced_at : known.soft_bounced_at;
  if (shown === null || at !== shown) return shown === null || at < shown;
  return `${bounceType} ${bounceSubType}` < `${known.bounce_type} ${known.bounce_subtype}`;
}
