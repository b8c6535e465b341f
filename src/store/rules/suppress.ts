/**
 * Which mail a suppression stops, and what is kept of one when several events or people give a reason for it. An address has a
 * suppression for each list that it left, one for all bulk mail, and one for everything.
 */
import type { Leaving } from "../../feedback/ses-event.ts";
import { bounceReason, type SuppressionReason } from "../../feedback/suppression-policy.ts";
import type { Kind } from "../../message.ts";

/** The `list` of a suppression that stops everything. */
export const EVERYTHING_LIST = "";
/** The `list` of a suppression that stops all bulk mail, of any list and of none. No list has a name with a `/`. */
export const ALL_BULK = "/bulk";

/** What of a mail decides whether a suppression of its address stops it. */
export interface StoppableMail {
  /** The list of its content; null: it has none. */
  list: string | null;
  kind: Kind;
  /** True: it goes to the sandbox. */
  isRehearsal: boolean;
}

/**
 * True when a suppression of its address stops the mail. An unsubscription never stops transactional mail, whatever its list. What a
 * rehearsal suppressed stops rehearsals only.
 */
export function stops(
  { list, reason, rehearsal }: { list: string; reason: string; rehearsal: boolean },
  mail: StoppableMail,
): boolean {
  const isBulk = mail.kind === "bulk";
  const concerns = list === EVERYTHING_LIST || list === mail.list || (list === ALL_BULK && isBulk);
  return concerns && (isBulk || reason !== "unsubscribe") && (!rehearsal || mail.isRehearsal);
}

/** The list that a reader leaves who unsubscribes through a mail: that of the mail, else all bulk mail. */
export function listLeft(list: string | null, from: "list" | "everything"): string {
  return from === "list" && list !== null ? list : ALL_BULK;
}

/**
 * The lists of the suppressions that an event makes. `mailList` gives the list of its mail; null: there is none, or the mail is unknown.
 * `isOurs` says whether the store has a content with a list. A topic that SES calls by a name that is no list of ours yet may become
 * one. Whoever leaves a whole contact list that is none of ours wants no bulk mail at all.
 */
export function listsOfEvent(
  leaves: Leaving,
  mailList: () => string | null,
  isOurs: (name: string) => boolean,
): string[] {
  switch (leaves.kind) {
    case "everything":
      return [EVERYTHING_LIST];
    case "mail":
      return [listLeft(mailList(), "list")];
    case "topic":
      return [leaves.name];
    case "contact list": {
      const { name, topics } = leaves;
      return name !== null && isOurs(name) ? [...new Set([name, ...topics])] : [ALL_BULK];
    }
  }
}

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
 * True when `cause` is to be kept instead of `kept`, for the same address and list. What is real takes the place of what a rehearsal
 * made, and never the other way round. Readers may take back what they did through a link, so every other cause replaces it: otherwise
 * a bounce or a complaint would be forgotten with it. An unsubscription gives way to what also stops transactional mail. Apart from
 * that only events replace each other: what a person wrote stays. A complaint weighs most, then a bounce. Equal reasons are decided by
 * their details, so the order in which events come does not matter.
 */
export function outweighs(cause: SuppressionCause, kept: SuppressionCause): boolean {
  if (cause.rehearsal !== kept.rehearsal) return kept.rehearsal;
  if (mayBeTakenBack(kept)) return !mayBeTakenBack(cause);
  if ((cause.reason === "unsubscribe") !== (kept.reason === "unsubscribe")) return kept.reason === "unsubscribe";
  if (cause.source !== "event" || kept.source !== "event") return false;
  const [weight, keptWeight] = [weightOf(cause.reason), weightOf(kept.reason)];
  return weight === keptWeight ? (cause.detail ?? "") < (kept.detail ?? "") : weight < keptWeight;
}

/** True for an unsubscription through a link, which the reader may take back. */
function mayBeTakenBack({ source }: Pick<SuppressionCause, "source">): boolean {
  return source === "link";
}

function weightOf(reason: string): number {
  return reason === "complaint" ? 0 : reason === "unsubscribe" ? 2 : 1;
}

/** What events said about a message to an address: that it bounced for good, or was complained about. */
export interface BadEvents {
  complained: boolean;
  /** Of the bounce that is shown of the message; null: there was none. */
  bounceType: string | null;
  bounceSubType: string | null;
}

/** Why the events about all messages to an address would suppress it, in any order: the reason that weighs most. Null: they would not. */
function reasonOfEvents(found: readonly BadEvents[]): SuppressionReason | null {
  if (found.some(({ complained }) => complained)) return "complaint";
  const reasons = found.map(({ bounceType, bounceSubType }) => bounceReason(bounceType, bounceSubType));
  return reasons.filter((reason) => reason !== null).sort((a, b) => weightOf(a) - weightOf(b))[0] ?? null;
}

/**
 * What the events about all messages to an address suppress when its reader takes an unsubscription back: one that came after a link
 * had suppressed it may have left no suppression of its own. `mailList` is the list of the mail whose link it was. Null: nothing.
 */
export function heldByEvents(
  events: readonly BadEvents[],
  mailList: string | null,
): { list: string; reason: SuppressionReason } | null {
  const reason = reasonOfEvents(events);
  if (reason === null) return null;
  return { reason, list: reason === "unsubscribe" ? listLeft(mailList, "list") : EVERYTHING_LIST };
}

/**
 * How an address with these suppressions stands. `isFree`: the mail may be sent to it. `isUnsubscribed`: its reader unsubscribed from
 * bulk mail like this, by whatever way.
 */
export function standing(
  rows: readonly { list: string; reason: string; rehearsal: boolean }[],
  mail: StoppableMail,
): { isFree: boolean; isUnsubscribed: boolean } {
  return {
    isFree: !rows.some((row) => stops(row, mail)),
    isUnsubscribed: rows.some((row) => row.reason === "unsubscribe" && stops(row, { ...mail, kind: "bulk" })),
  };
}
