/**
 * Checks what receivers see in the DNS when a mail claims to come from the sender's domain: DKIM, SPF, DMARC, and
 * whether they match.
 */
import type { Dkim } from "../aws/ses-reader.ts";
import { type Dmarc, dmarcOf, isAligned } from "./dmarc.ts";
import { type Dns, DnsUnavailable } from "./dns.ts";
import { type Finding, finding } from "./finding.ts";
import { mailFromOf, type SenderFacts, signatureOf } from "./identity.ts";
import { spfOf } from "./spf.ts";

/**
 * Asks the DNS about `domain`, the sender's domain. `sender` is null when SES could not be asked; then only DMARC is
 * checked. When the DNS cannot be asked, the answer is one `info` finding. Never rejects because of the DNS.
 */
export async function dnsFindings(dns: Dns, domain: string, sender: SenderFacts | null): Promise<Finding[]> {
  try {
    await probe(dns);
    const dmarc = await dmarcOf(dns, domain);
    if (!sender) return [dmarcFinding(domain, dmarc)];
    const spf = await spfFinding(dns, sender);
    return [...(await dkimFindings(dns, sender)), spf, dmarcFinding(domain, dmarc), alignment(sender, dmarc, spf)];
  } catch (error) {
    if (!(error instanceof DnsUnavailable)) throw error;
    return [finding("info", "dns.available", `DNS could not be asked (${error.message}), skipped`)];
  }
}

/** Closed networks answer "no such name" to every question. Then nothing can be said about anybody's records. */
async function probe(dns: Dns): Promise<void> {
  if ((await dns.txt("amazonses.com")).length === 0) throw new DnsUnavailable("it knows nothing of amazonses.com");
}

/** Checks the DKIM records of the domain identity, also when they are not published yet. */
async function dkimFindings(dns: Dns, { domainIdentity }: SenderFacts): Promise<Finding[]> {
  if (!domainIdentity || domainIdentity.dkim.tokens.length === 0) return [];
  const { name, dkim } = domainIdentity;
  const missing: string[] = [];
  for (const token of dkim.tokens) {
    if (!(await hasKey(dns, `${token}._domainkey.${name}`, dkim, token))) missing.push(token);
  }
  const all = dkim.tokens.length;
  if (missing.length === 0) return [finding("ok", "dns.dkim", `the DKIM records of ${name} resolve`)];
  const records = missing.map((token) =>
    isOwnKey(dkim)
      ? `TXT ${token}._domainkey.${name} with the public key`
      : `CNAME ${token}._domainkey.${name} → ${token}.${dkim.zone}`,
  );
  return [
    finding(
      "error",
      "dns.dkim",
      `${missing.length} of ${all} DKIM records of ${name} do not resolve: signatures cannot be checked`,
      `publish ${records.join("\n        ")}`,
    ),
  ];
}

function isOwnKey({ origin }: Dkim): boolean {
  return origin === "EXTERNAL";
}

/** Some DNS hosts answer the question for an alias with the record it points to. Then the key itself is there. */
async function hasKey(dns: Dns, name: string, dkim: Dkim, token: string): Promise<boolean> {
  if (!isOwnKey(dkim) && (await dns.cname(name)).includes(`${token}.${dkim.zone}`.toLowerCase())) return true;
  return (await dns.txt(name)).some((text) => /(?:^|;)\s*p\s*=\s*\S/.test(text));
}

async function spfFinding(dns: Dns, sender: SenderFacts): Promise<Finding> {
  const check = "dns.spf";
  const mailFrom = mailFromOf(sender);
  if (mailFrom?.domain == null) {
    return finding(
      "info",
      check,
      `SPF is asked of SES's own domain and passes; it does not speak for ${sender.domain}`,
    );
  }
  const { domain } = mailFrom;
  const spf = await spfOf(dns, domain);
  if (spf === "allows_ses") return finding("ok", check, `the SPF record of ${domain} includes amazonses.com`);
  const problem = {
    none: `${domain}, the MAIL FROM domain, has no SPF record`,
    several: `${domain} has more than one SPF record, which receivers treat as an error`,
    other: `the SPF record of ${domain} does not include amazonses.com: receivers see a forged sender`,
  }[spf];
  return finding("error", check, problem, `publish one TXT ${domain} → "v=spf1 include:amazonses.com ~all"`);
}

function dmarcFinding(domain: string, dmarc: Dmarc): Finding {
  const check = "dns.dmarc";
  if (dmarc.found !== null) {
    return finding("ok", check, `_dmarc.${dmarc.found} asks receivers for p=${dmarc.policy}`);
  }
  return finding(
    "warning",
    check,
    dmarc.problem ?? `${domain} has no DMARC record: Gmail, Yahoo and Microsoft want one from bulk senders`,
    `publish one TXT _dmarc.${domain} → "v=DMARC1; p=none; rua=mailto:postmaster@${domain}"`,
  );
}

function alignment(sender: SenderFacts, dmarc: Dmarc, spf: Finding): Finding {
  const check = "dns.alignment";
  const signature = signatureOf(sender);
  const mailFrom = mailFromOf(sender);
  const spfDomain = mailFrom?.status === "SUCCESS" && spf.severity === "ok" ? mailFrom.domain : null;
  const fits = (domain: string | null | undefined, strict: boolean) =>
    domain != null && isAligned(domain, sender.domain, strict, dmarc.organization);
  const by = [
    ...(fits(signature?.domain, dmarc.strictDkim) ? [`DKIM (${signature?.domain})`] : []),
    ...(fits(spfDomain, dmarc.strictSpf) ? [`SPF (${spfDomain})`] : []),
  ];
  if (by.length > 0) return finding("ok", check, `DMARC passes for ${sender.domain}, by ${by.join(" and ")}`);
  const isHarmless = dmarc.policy === null || dmarc.policy === "none";
  const consequence = isHarmless
    ? "bulk senders are refused for that"
    : `receivers are told to ${dmarc.policy} such mail`;
  return finding(
    isHarmless ? "warning" : "error",
    check,
    `neither DKIM nor SPF vouches for ${sender.domain}, so DMARC fails: ${consequence}`,
    `verify ${sender.domain} itself in SES with DKIM, or set a MAIL FROM domain below it`,
  );
}
