/** Decides which events suppress an address. */
/** Why an event suppresses an address. */
export type SuppressionReason = "bounce" | "complaint" | "unsubscribe";

/** What a type of bounce means for the address: a reason to suppress it, or null. */
interface BounceRule {
  /** For subtypes that are not listed, also those Amazon invents later. */
  otherwise: SuppressionReason | null;
  subTypes: ReadonlyMap<string, SuppressionReason | null>;
}

/**
 * What each type of bounce means (SES developer guide, "Amazon SNS notification contents"). A type that is not listed
 * suppresses nobody.
 *
 * - `Suppressed`, `OnAccountSuppressionList`, `OnTenantSuppressionList`: the mail never left SES, and the next one
 *   would not either.
 * - `EmailValidationSuppressed`: SES predicts a bounce, but no mailbox refused the mail. If SES is right, it says so
 *   again.
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

/** Feedback types that mean the opposite of a complaint (RFC 5965, RFC 6430). */
const NO_COMPLAINT: ReadonlySet<string> = new Set(["not-spam"]);

/** Why a bounce of this type and subtype suppresses its recipient; null when it does not. */
export function bounceReason(type: string | null, subType: string | null): SuppressionReason | null {
  const rule = BOUNCES.get(type ?? "");
  const listed = rule?.subTypes.get(subType ?? "");
  return listed === undefined ? (rule?.otherwise ?? null) : listed;
}

/** False for feedback that says "this is not spam". */
export function isComplaint(feedbackType: string | null): boolean {
  return !NO_COMPLAINT.has((feedbackType ?? "").toLowerCase());
}

/**
 * True when the bounce is final for this recipient. A permanent bounce may also list recipients that are only delayed:
 * their action is not `failed`, or their status begins with 4.
 */
export function failedForGood({ action, status }: { action: string | null; status: string | null }): boolean {
  return (action === null || action.toLowerCase() === "failed") && !status?.startsWith("4");
}
