import { expect, test } from "vitest";
import {
  defaultConfigurationSet,
  fromDomainFindings,
  readSender,
  type SenderFacts,
  senderFindings,
  signatureOf,
} from "../../src/check/identity.ts";
import type { Lookup, Identity, SesReader } from "../../src/aws/ses-reader.ts";
import { only, troubles } from "./troubles.ts";

const DOMAIN: Identity = {
  name: "example.com",
  isDomain: true,
  verified: true,
  verificationStatus: "SUCCESS",
  dkim: { signing: true, status: "SUCCESS", tokens: ["a", "b", "c"], origin: "AWS_SES", zone: "dkim.amazonses.com" },
  mailFrom: { domain: "bounce.example.com", status: "SUCCESS", rejects: false },
  feedbackForwarding: false,
  configurationSet: null,
};
const ADDRESS: Identity = {
  ...DOMAIN,
  name: "news@example.com",
  isDomain: false,
  dkim: { ...DOMAIN.dkim, status: "NOT_STARTED", tokens: [] },
  mailFrom: { domain: null, status: null, rejects: false },
};

const sender = (domainIdentity: Partial<Identity> | null, addressIdentity: Identity | null = null): SenderFacts => ({
  address: "news@example.com",
  domain: "example.com",
  addressIdentity,
  domainIdentity: domainIdentity && { ...DOMAIN, ...domainIdentity },
});

test.each<[string, SenderFacts, string[]]>([
  ["unknown to SES", sender(null), ["error identity.exists"]],
  ["not verified yet", sender({ verified: false, verificationStatus: "PENDING" }), ["error identity.verified"]],
  ["an address that is not verified yet", sender(null, { ...ADDRESS, verified: false }), ["error identity.verified"]],
  ["verified as an address only", sender(null, ADDRESS), ["warning identity.dkim", "info identity.mail-from"]],
  ["with DKIM switched off", sender({ dkim: { ...DOMAIN.dkim, signing: false } }), ["warning identity.dkim"]],
  ["with DKIM pending", sender({ dkim: { ...DOMAIN.dkim, status: "PENDING" } }), ["warning identity.dkim"]],
  ["without a MAIL FROM domain", sender({ mailFrom: ADDRESS.mailFrom }), ["info identity.mail-from"]],
  [
    "with a MAIL FROM domain that fails",
    sender({ mailFrom: { domain: "bounce.example.com", status: "FAILED", rejects: false } }),
    ["warning identity.mail-from"],
  ],
  [
    "with one that fails and stops everything",
    sender({ mailFrom: { domain: "bounce.example.com", status: "PENDING", rejects: true } }),
    ["error identity.mail-from"],
  ],
  ["that gets bounces by mail", sender({ feedbackForwarding: true }), ["info identity.feedback"]],
  ["as it should be", sender({}), []],
  ["an address below a good domain", sender({}, ADDRESS), []],
])("a sender %s", (_name, from, expected) => {
  expect(troubles(senderFindings(from))).toEqual(expected);
});

test("mail from a mailbox provider's domain fails DMARC", () => {
  for (const domain of ["gmail.com", "yahoo.com", "naver.com"]) {
    expect(troubles(fromDomainFindings(domain))).toEqual(["error identity.from-domain"]);
  }
  expect(fromDomainFindings("mail.gmail.com.example.com")).toEqual([]);
});

/** SES with these identities, and a record of what it was asked. */
function reader(identities: Record<string, Lookup<Identity>>) {
  const asked: string[] = [];
  const identity = async (name: string): Promise<Lookup<Identity>> => {
    asked.push(name);
    return identities[name] ?? { kind: "missing" };
  };
  return { asked, ses: { identity } as SesReader };
}

test("the identity may be of a domain above, and no question goes to a top-level domain", async () => {
  const { ses, asked } = reader({ "example.com": { kind: "found", value: DOMAIN } });
  const found = await readSender(ses, "n@a.news.example.com");
  expect(found).toMatchObject({
    kind: "found",
    value: { addressIdentity: null, domainIdentity: { name: "example.com" } },
  });
  expect(asked).toEqual(["n@a.news.example.com", "a.news.example.com", "news.example.com", "example.com"]);
  const nobody = reader({});
  await readSender(nobody.ses, "n@example.org");
  expect(nobody.asked).toEqual(["n@example.org", "example.org"]);
});

test("a denied question stops the others", async () => {
  const { ses, asked } = reader({ "n@example.com": { kind: "denied", action: "ses:GetEmailIdentity" } });
  expect(await readSender(ses, "n@example.com")).toEqual({ kind: "denied", action: "ses:GetEmailIdentity" });
  expect(asked).toEqual(["n@example.com"]);
});

test("what the address does not have itself it has from its domain", () => {
  const both = sender({ configurationSet: "of-domain" }, ADDRESS);
  expect(signatureOf(both)?.domain).toBe("example.com");
  expect(defaultConfigurationSet(both)).toBe("of-domain");
  expect(only(senderFindings(both), "identity.mail-from").message).toContain("bounce.example.com");
  expect(defaultConfigurationSet(sender({}, { ...ADDRESS, configurationSet: "own" }))).toBe("own");
});
