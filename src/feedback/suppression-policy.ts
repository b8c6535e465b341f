export type SuppressionReason = "bounce" | "complaint" | "unsubscribe";

/** What becomes of the address: a reason to write to it no more, or null. */
interface BounceRule {
  /** For subtypes not listed, also those Amazon has not invented yet. */
  otherwise: SuppressionReason | null;
  subTypes: ReadonlyMap<string, SuppressionReason | null>;
}

/**
 * What a bounce means for its address (SES developer guide, "Amazon SNS notification contents"). A type that is not listed
 * suppresses nobody.
 *
 * - The suppression lists (`Suppressed`, `OnAccountSuppressionList`, `OnTenantSuppressionList`): the mail never left SES,
 *   and the next one would not either.
 * - `EmailValidationSuppressed`: a forecast of SES, not the verdict of a mailbox; SES will say so again if it is right.
 * - `UnsubscribedRecipient`: the contact list of SES says that this person does not want mail.
 */
const BOUNCES: ReadonlyMap<string, BounceRule> = new Map([
  [
    "Permanent",
    {
      otherwise: "bounce",
      subTypes: new Map<string, SuppressionReason | null>([
        ["General", "bounce"],
        ["NoEmail", "bounce"],
        ["Suppressed", "bounce"],
        ["OnAccountSuppressionList", "bounce"],
        ["OnTenantSuppressionList", "bounce"],
        ["EmailValidationSuppressed", null],
        ["UnsubscribedRecipient", "unsubscribe"],
      ]),
    },
  ],
  ["Transient", { otherwise: null, subTypes: new Map() }],
  ["Undetermined", { otherwise: null, subTypes: new Map() }],
]);

/** Feedback types (RFC 5965, RFC 6430) that are the opposite of a complaint. */
const NO_COMPLAINT: ReadonlySet<string> = new Set(["not-spam"]);

/** Why a recipient of such a bounce is to be suppressed; null when it is not. */
export function bounceReason(type: string | null, subType: string | null): SuppressionReason | null {
  const rule = BOUNCES.get(type ?? "");
  const listed = rule?.subTypes.get(subType ?? "");
  return listed === undefined ? (rule?.otherwise ?? null) : listed;
}

/** False for feedback that says "this is not spam". */
export function isComplaint(feedbackType: string | null): boolean {
  return !NO_COMPLAINT.has((feedbackType ?? "").toLowerCase());
}

/** Whether the bounce speaks of this recipient for good: a permanent bounce may list others that are only delayed. */
export function failedForGood({ action, status }: { action: string | null; status: string | null }): boolean {
  return (action === null || action.toLowerCase() === "failed") && !status?.startsWith("4");
}
