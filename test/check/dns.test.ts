import { createSocket } from "node:dgram";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { dnsFindings } from "../../src/check/authentication.ts";
import { dmarcOf } from "../../src/check/dmarc.ts";
import { DnsUnavailable, openDns } from "../../src/check/dns.ts";
import type { Finding } from "../../src/check/finding.ts";
import type { SenderFacts } from "../../src/check/identity.ts";
import { spfOf } from "../../src/check/spf.ts";
import type { Dkim, MailFrom } from "../../src/aws/ses-reader.ts";
import { UserError } from "../../src/errors.ts";
import { dnsServer } from "../support/dns-server.ts";
import { only, troubles } from "./troubles.ts";

const SES = { "TXT amazonses.com": ["v=spf1 ip4:199.255.192.0/22 -all"] };
const DKIM_RECORDS = {
  "CNAME aa._domainkey.example.com": ["aa.dkim.amazonses.com"],
  "CNAME bb._domainkey.example.com": ["BB.dkim.amazonses.com"],
};
const GOOD = {
  ...SES,
  ...DKIM_RECORDS,
  "TXT _dmarc.example.com": ["v=DMARC1; p=reject; rua=mailto:d@example.com"],
  "TXT bounce.example.com": ["v=spf1 include:amazonses.com ~all"],
};
const DKIM: Dkim = {
  signing: true,
  status: "SUCCESS",
  tokens: ["aa", "bb"],
  origin: "AWS_SES",
  zone: "dkim.amazonses.com",
};
const MAIL_FROM: MailFrom = { domain: "bounce.example.com", status: "SUCCESS", rejects: false };

function sender(changes: { dkim?: Partial<Dkim>; mailFrom?: MailFrom; domain?: string } = {}): SenderFacts {
  const domain = changes.domain ?? "example.com";
  return {
    address: `news@${domain}`,
    domain,
    addressIdentity: null,
    domainIdentity: {
      name: "example.com",
      isDomain: true,
      verified: true,
      verificationStatus: "SUCCESS",
      dkim: { ...DKIM, ...changes.dkim },
      mailFrom: changes.mailFrom ?? MAIL_FROM,
      feedbackForwarding: false,
      configurationSet: null,
    },
  };
}

async function findings(records: Record<string, string[]>, from: SenderFacts = sender()): Promise<Finding[]> {
  const { address } = await dnsServer(records);
  return dnsFindings(openDns(address), from.domain, from);
}

const without = (...names: string[]) =>
  Object.fromEntries(Object.entries(GOOD).filter(([key]) => !names.includes(key)));

test("everything published", async () => {
  const found = await findings(GOOD);
  expect(found.map(({ severity, check }) => `${severity} ${check}`)).toEqual([
    "ok dns.dkim",
    "ok dns.spf",
    "ok dns.dmarc",
    "ok dns.alignment",
  ]);
  expect(only(found, "dns.alignment").message).toBe(
    "DMARC passes for example.com, by DKIM (example.com) and SPF (bounce.example.com)",
  );
});

describe("no DNS is one plain line", () => {
  test("nobody listens", async () => {
    const socket = createSocket("udp4").bind(0, "127.0.0.1");
    await once(socket, "listening");
    const { port } = socket.address();
    socket.close();
    const found = await dnsFindings(openDns(`127.0.0.1:${port}`), "example.com", sender());
    expect(found).toEqual([expect.objectContaining({ severity: "info", check: "dns.available", hint: null })]);
    expect(found[0]?.message).toMatch(/^DNS could not be asked \(E[A-Z]+\), skipped$/);
  });

  test("a network that knows no name at all", async () => {
    expect(troubles(await findings({}))).toEqual(["info dns.available"]);
  });

  test("the server fails on the way", async () => {
    const { address } = await dnsServer(GOOD, ["_dmarc.example.com"]);
    expect(troubles(await dnsFindings(openDns(address), "example.com", sender()))).toEqual(["info dns.available"]);
  });

  test("what is no address is refused", () => {
    for (const server of ["", "dns.example.com", "127.0.0.1:x", "1.2.3"])
      expect(() => openDns(server)).toThrow(UserError);
  });
});

describe("DKIM", () => {
  test("records that do not resolve are named", async () => {
    const found = await findings(without("CNAME bb._domainkey.example.com"));
    expect(troubles(found)).toEqual(["error dns.dkim"]);
    const { message, hint } = only(found, "dns.dkim");
    expect(message).toContain("1 of 2 DKIM records of example.com");
    expect(hint).toBe("publish CNAME bb._domainkey.example.com → bb.dkim.amazonses.com");
  });

  test("an alias to somewhere else is not it", async () => {
    const wrong = { ...GOOD, "CNAME aa._domainkey.example.com": ["aa.dkim.example.net"] };
    expect(troubles(await findings(wrong))).toEqual(["error dns.dkim"]);
  });

  test("a host that answers with the key instead of the alias", async () => {
    const flat = {
      ...without("CNAME aa._domainkey.example.com"),
      "TXT aa._domainkey.example.com": [`k=rsa; p=${"M".repeat(300)}`],
    };
    expect(troubles(await findings(flat))).toEqual([]);
  });

  test("a key of one's own is a TXT record; one that was revoked is empty", async () => {
    const own = sender({ dkim: { origin: "EXTERNAL", tokens: ["mine"] } });
    expect(troubles(await findings(GOOD, own))).toEqual(["error dns.dkim"]);
    expect(troubles(await findings({ ...GOOD, "TXT mine._domainkey.example.com": ["v=DKIM1; p="] }, own))).toEqual([
      "error dns.dkim",
    ]);
    expect(troubles(await findings({ ...GOOD, "TXT mine._domainkey.example.com": ["v=DKIM1; p=MIGf"] }, own))).toEqual(
      [],
    );
  });
});

describe("SPF", () => {
  test.each<[string, string[] | undefined, string]>([
    ["no record", undefined, "has no SPF record"],
    ["another TXT record only", ["google-site-verification=x"], "has no SPF record"],
    ["SES is not in it", ["v=spf1 include:_spf.example.net -all"], "does not include amazonses.com"],
    ["SES is refused", ["v=spf1 -include:amazonses.com ~all"], "does not include amazonses.com"],
    ["two records", ["v=spf1 include:amazonses.com ~all", "v=spf1 -all"], "more than one SPF record"],
  ])("%s", async (_name, record, message) => {
    const found = await findings({ ...GOOD, "TXT bounce.example.com": record ?? [] });
    expect(troubles(found)).toEqual(["error dns.spf"]);
    expect(only(found, "dns.spf").message).toContain(message);
  });

  test("without a MAIL FROM domain SPF does not speak for the sender", async () => {
    const found = await findings(GOOD, sender({ mailFrom: { domain: null, status: null, rejects: false } }));
    expect(troubles(found)).toEqual(["info dns.spf"]);
    expect(only(found, "dns.alignment").message).toMatch(/by DKIM \(example\.com\)$/);
  });

  test("SES may come by way of another record", async () => {
    const { address } = await dnsServer({
      "TXT a.example": ["v=spf1 include:b.example -all"],
      "TXT b.example": ["v=spf1 redirect=c.example"],
      "TXT c.example": ["V=SPF1 +Include:AmazonSES.com ~all"],
    });
    expect(await spfOf(openDns(address), "a.example")).toBe("allows_ses");
  });

  test("records that include each other end", async () => {
    const { address, asked } = await dnsServer({
      "TXT a.example": ["v=spf1 include:b.example include:b.example -all"],
      "TXT b.example": ["v=spf1 include:a.example include:a.example -all"],
    });
    expect(await spfOf(openDns(address), "a.example")).toBe("other");
    expect(asked.length).toBe(11);
  });
});

describe("DMARC", () => {
  test.each<[string, string[] | undefined, string]>([
    ["no record", undefined, "has no DMARC record"],
    ["something else", ["v=spf1 -all"], "has no DMARC record"],
    ["no policy", ["v=DMARC1; rua=mailto:d@example.com"], "has no p="],
    ["a policy nobody knows", ["v=DMARC1; p=monitor"], "has no p="],
    ["two records", ["v=DMARC1; p=none", "v=DMARC1; p=reject"], "2 DMARC records"],
  ])("%s", async (_name, record, message) => {
    const found = await findings({ ...GOOD, "TXT _dmarc.example.com": record ?? [] });
    expect(troubles(found)).toEqual(["warning dns.dmarc"]);
    expect(only(found, "dns.dmarc").message).toContain(message);
  });

  test("a subdomain takes the policy its organization set for such", async () => {
    const { address, asked } = await dnsServer({
      "TXT _dmarc.example.com": ["v=DMARC1; p=none; sp=Quarantine; adkim=s"],
    });
    expect(await dmarcOf(openDns(address), "a.news.example.com")).toEqual({
      found: "example.com",
      policy: "quarantine",
      strictDkim: true,
      strictSpf: false,
      organization: "example.com",
      problem: null,
    });
    expect(asked).not.toContain("TXT _dmarc.com");
  });

  test("its own record comes first", async () => {
    const { address } = await dnsServer({
      "TXT _dmarc.example.com": ["v=DMARC1; p=none; sp=reject"],
      "TXT _dmarc.news.example.com": ["v=DMARC1;p=quarantine"],
    });
    const { found, policy, organization } = await dmarcOf(openDns(address), "news.example.com");
    expect([found, policy, organization]).toEqual(["news.example.com", "quarantine", "example.com"]);
  });

  test("a name of many labels is not asked for ever", async () => {
    const { address, asked } = await dnsServer(SES);
    await dmarcOf(openDns(address), "a.b.c.d.e.f.g.h.i.j.example.com");
    expect(asked.length).toBe(8);
    expect(asked.at(-1)).toBe("TXT _dmarc.example.com");
  });
});

describe("alignment", () => {
  const unsigned = sender({ dkim: { status: "PENDING" }, mailFrom: { domain: null, status: null, rejects: false } });

  test("nobody vouches, and receivers are told to refuse that", async () => {
    expect(troubles(await findings(GOOD, unsigned))).toEqual(["info dns.spf", "error dns.alignment"]);
  });

  test("nobody vouches, and nobody asked for it", async () => {
    const none = { ...GOOD, "TXT _dmarc.example.com": ["v=DMARC1; p=none"] };
    expect(troubles(await findings(none, unsigned))).toEqual(["info dns.spf", "warning dns.alignment"]);
    expect(troubles(await findings(without("TXT _dmarc.example.com"), unsigned))).toEqual([
      "info dns.spf",
      "warning dns.dmarc",
      "warning dns.alignment",
    ]);
  });

  test("strict alignment asks for the very domain", async () => {
    const below = sender({ domain: "news.example.com" });
    const strict = { ...GOOD, "TXT _dmarc.example.com": ["v=DMARC1; p=reject; adkim=s; aspf=s"] };
    expect(troubles(await findings(strict, below))).toEqual(["error dns.alignment"]);
    expect(troubles(await findings(GOOD, below))).toEqual([]);
    const spfToo = await findings(strict);
    expect(only(spfToo, "dns.alignment").message).toMatch(/by DKIM \(example\.com\)$/);
  });

  test("SPF that fails does not vouch", async () => {
    const found = await findings(without("TXT bounce.example.com"), sender({ dkim: { signing: false } }));
    expect(troubles(found)).toEqual(["error dns.spf", "error dns.alignment"]);
  });
});

test("without SES only DMARC can be looked at", async () => {
  const { address, asked } = await dnsServer(GOOD);
  const found = await dnsFindings(openDns(address), "example.com", null);
  expect(found.map(({ check }) => check)).toEqual(["dns.dmarc"]);
  expect(asked).toEqual(["TXT amazonses.com", "TXT _dmarc.example.com"]);
});

test("an answer that there is no such record is no failure", async () => {
  const { address } = await dnsServer(SES);
  const dns = openDns(address);
  expect(await dns.txt("nowhere.example")).toEqual([]);
  expect(await dns.cname("amazonses.com")).toEqual([]);
  const failing = await dnsServer(SES, ["broken.example"]);
  await expect(openDns(failing.address).txt("broken.example")).rejects.toThrow(DnsUnavailable);
});
