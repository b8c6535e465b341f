/** What is kept of a suppressed address when several events or people give a reason for it. */
import { bounceReason, type SuppressionReason } from "../../feedback/suppression-policy.ts";

/** Why an address is suppressed. */
export interface SuppressionCause {
  /** `event`, `link`, or where else it comes from. */
  source: string;
  reason: string;
  /** For people; null: nothing more is known. */
  detail: string | null;
  /** True: a rehearsal made it. */
  rehearsal: boolean;
}

/** Mail servers put control characters into diagnostics. An exported list with them would be refused on import. */
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\x00-\x1f\x7f-\x9f]+/g;

/** The text as it is kept: each run of control characters becomes a space. */
export function withoutControls(text: string): string {
  return text.replaceAll(CONTROL, " ");
}

/**
 * True when `cause` is to be kept instead of `kept`. What is real takes the place of what a rehearsal made, and never the other way
 * round. Readers may take back what they did through a link, so every other cause replaces it: otherwise a bounce or a complaint
 * would be forgotten with it. Apart from that only events replace each other: what a person wrote stays. A complaint weighs most,
 * then an unsubscription. Equal reasons are decided by their details, so the order in which events come does not matter.
 */
export function outweighs(cause: SuppressionCause, kept: SuppressionCause): boolean {
  if (cause.rehearsal !== kept.rehearsal) return kept.rehearsal;
  if (mayBeTakenBack(kept)) return !mayBeTakenBack(cause);
  if (cause.source !== "event" || kept.source !== "event") return false;
  const [weight, keptWeight] = [weightOf(cause.reason), weightOf(kept.reason)];
  return weight === keptWeight ? (cause.detail ?? "") < (kept.detail ?? "") : weight < keptWeight;
}

/** True for an unsubscription through a link, which the reader may take back. */
function mayBeTakenBack({ source }: Pick<SuppressionCause, "source">): boolean {
  return source === "link";
}

function weightOf(reason: string): number {
  return reason === "complaint" ? 0 : reason === "unsubscribe" ? 1 : 2;
}

/** What events said about a message to an address: that it bounced for good, or was complained about. */
export interface BadEvents {
  complained: boolean;
  /** Of the bounce that is shown of the message; null: there was none. */
  bounceType: string | null;
  bounceSubType: string | null;
}

/** Why the events about all messages to an address would suppress it, in any order: the reason that weighs most. Null: they would not. */
export function reasonOfEvents(found: readonly BadEvents[]): SuppressionReason | null {
  if (found.some(({ complained }) => complained)) return "complaint";
  const reasons = found.map(({ bounceType, bounceSubType }) => bounceReason(bounceType, bounceSubType));
  return reasons.filter((reason) => reason !== null).sort((a, b) => weightOf(a) - weightOf(b))[0] ?? null;
}
