/** Checks the sender: may the From address send, and does its domain vouch for it? */
import type { Lookup, Dkim, Identity, MailFrom, SesReader } from "../aws/ses-reader.ts";
import { type Finding, finding } from "./finding.ts";
import { isFreeMail } from "./providers.ts";

/**
 * A From address and what SES knows about it. The address identity takes from its domain what it does not set itself.
 */
export interface SenderFacts {
  address: string;
  /** The domain of `address`. */
  domain: string;
  addressIdentity: Identity | null;
  /** The identity of the domain, or of the nearest domain above it. */
  domainIdentity: Identity | null;
}

/** What follows the last `@` of a bare address, as written; the whole text when there is none. */
export function domainOf(address: string): string {
  return address.slice(address.lastIndexOf("@") + 1);
}

/**
 * Asks SES for the identities that let `address` (bare) send: its own, that of its domain, or that of a domain above.
 * The answer is `found` even when SES knows none of them; both identities are null then.
 */
export async function readSender(ses: SesReader, address: string): Promise<Lookup<SenderFacts>> {
  const domain = domainOf(address);
  const own = await ses.identity(address);
  if (own.kind === "denied" || own.kind === "failed") return own;
  const above = await nearestDomain(ses, domain);
  if (above.kind === "denied" || above.kind === "failed") return above;
  const [addressIdentity, domainIdentity] = [own, above].map((each) => (each.kind === "found" ? each.value : null));
  return {
    kind: "found",
    value: { address, domain, addressIdentity: addressIdentity ?? null, domainIdentity: domainIdentity ?? null },
  };
}

async function nearestDomain(ses: SesReader, domain: string): Promise<Lookup<Identity>> {
  const answer = await ses.identity(domain);
  const parent = domain.slice(domain.indexOf(".") + 1);
  return answer.kind === "missing" && parent.includes(".") ? nearestDomain(ses, parent) : answer;
}

/** The domain that signs the mail, and how. Null when only SES's own domain signs. */
export function signatureOf({
  domain,
  addressIdentity,
  domainIdentity,
}: SenderFacts): { domain: string; dkim: Dkim } | null {
  const signs = (identity: Identity | null) => identity?.dkim.signing === true && identity.dkim.status === "SUCCESS";
  if (domainIdentity && signs(domainIdentity)) return { domain: domainIdentity.name, dkim: domainIdentity.dkim };
  return addressIdentity && signs(addressIdentity) ? { domain, dkim: addressIdentity.dkim } : null;
}

/** The sender's own MAIL FROM domain: that of the address, else that of the domain. Null when SES uses its own. */
export function mailFromOf({ addressIdentity, domainIdentity }: SenderFacts): MailFrom | null {
  return [addressIdentity, domainIdentity].find((each) => each?.mailFrom.domain)?.mailFrom ?? null;
}

/** The configuration set for mails that name none; null when the sender has no default. */
export function defaultConfigurationSet({ addressIdentity, domainIdentity }: SenderFacts): string | null {
  return addressIdentity?.configurationSet ?? domainIdentity?.configurationSet ?? null;
}

/** The findings about the sender. When it may not send, that is the only one. */
export function senderFindings(sender: SenderFacts): Finding[] {
  const verified = verification(sender);
  if (verified.severity === "error") return [verified];
  return [verified, dkim(sender), mailFrom(sender), feedback(sender)];
}

/** An error when `domain` (in lower case) belongs to a mailbox provider; nothing otherwise. */
export function fromDomainFindings(domain: string): Finding[] {
  if (!isFreeMail(domain)) return [];
  return [
    finding(
      "error",
      "identity.from-domain",
      `the sender's domain ${domain} belongs to a mailbox provider: mail from it through SES fails DMARC and is refused or goes to spam`,
      "send from a domain of your own, and name the mailbox as --reply-to",
    ),
  ];
}

function verification({ address, domain, addressIdentity, domainIdentity }: SenderFacts): Finding {
  const known = [addressIdentity, domainIdentity].filter((each) => each !== null);
  const good = known.find((each) => each.verified);
  if (good) return finding("ok", "identity.verified", `${address} may send: ${good.name} is verified`);
  const [waiting] = known;
  if (!waiting) {
    return finding(
      "error",
      "identity.exists",
      `neither ${address} nor ${domain} is an identity of SES in this region`,
      `aws sesv2 create-email-identity --email-identity ${domain}, then publish the DNS records it names`,
    );
  }
  return finding(
    "error",
    "identity.verified",
    `${waiting.name} is not verified for sending (${waiting.verificationStatus})`,
    waiting.isDomain
      ? `publish its DKIM records: aws sesv2 get-email-identity --email-identity ${waiting.name}`
      : "open the link in the mail AWS sent to this address",
  );
}

function dkim(sender: SenderFacts): Finding {
  const check = "identity.dkim";
  const signature = signatureOf(sender);
  if (signature) return finding("ok", check, `mails are signed with DKIM for ${signature.domain}`);
  const identity = sender.domainIdentity;
  if (!identity) {
    return finding(
      "warning",
      check,
      `only the address ${sender.address} is verified: mails are not signed with DKIM for ${sender.domain}`,
      `verify the domain: aws sesv2 create-email-identity --email-identity ${sender.domain}`,
    );
  }
  if (!identity.dkim.signing) {
    return finding(
      "warning",
      check,
      `DKIM is switched off for ${identity.name}`,
      `aws sesv2 put-email-identity-dkim-attributes --email-identity ${identity.name} --signing-enabled`,
    );
  }
  return finding(
    "warning",
    check,
    `DKIM for ${identity.name} does not work yet (${identity.dkim.status}): mails are not signed for it`,
    "publish its records; the DNS part of this report names them",
  );
}

function mailFrom(sender: SenderFacts): Finding {
  const check = "identity.mail-from";
  const own = mailFromOf(sender);
  if (!own) {
    return finding(
      "info",
      check,
      "no MAIL FROM domain of your own: bounces go to a domain of SES, and SPF does not count for DMARC",
      `aws sesv2 put-email-identity-mail-from-attributes --email-identity ${sender.domainIdentity?.name ?? sender.address} --mail-from-domain bounce.${sender.domain}`,
    );
  }
  if (own.status === "SUCCESS") return finding("ok", check, `the MAIL FROM domain ${own.domain} works`);
  const hint = `publish MX ${own.domain} → 10 feedback-smtp.<region>.amazonses.com, and TXT "v=spf1 include:amazonses.com ~all"`;
  if (own.rejects) {
    return finding(
      "error",
      check,
      `the MAIL FROM domain ${own.domain} does not work (${own.status}): SES sends nothing`,
      hint,
    );
  }
  return finding(
    "warning",
    check,
    `the MAIL FROM domain ${own.domain} does not work (${own.status}): SES uses its own`,
    hint,
  );
}

function feedback({ addressIdentity, domainIdentity }: SenderFacts): Finding {
  const identity = addressIdentity ?? domainIdentity;
  if (identity?.feedbackForwarding !== true) {
    return finding("ok", "identity.feedback", "bounces and complaints come as events only, not as mail");
  }
  return finding(
    "info",
    "identity.feedback",
    "SES also mails each bounce and complaint to the sender",
    `when events are set up: aws sesv2 put-email-identity-feedback-attributes --email-identity ${identity.name} --no-email-forwarding-enabled`,
  );
}
