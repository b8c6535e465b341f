/** The certificates that SNS signs with: where one may come from, and each fetched once. */
import { X509Certificate, type KeyObject } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { Clock } from "../../time/clock.ts";
import type { HttpsGet } from "./https-get.ts";
import { forbidden, SnsRefusal, tryAgain } from "./refusal.ts";
import { snsHost, type TopicArn } from "./topic-arn.ts";

/** SNS uses one per region and year. The rest is room for others that strangers may name. */
const MAX_KNOWN = 100;
const MAX_FAILED = 1_000;
const FAILED_FOR_MS = 30_000;
/** A stranger may name any number of certificates. These two limit how often Amazon is asked for them. */
const MAX_AT_ONCE = 4;
const MAX_FAILURES_A_MINUTE = 20;

const PATH = /^\/SimpleNotificationService-[A-Za-z0-9]{32}\.pem$/;

/**
 * Throws `SnsRefusal` unless the URL is that of a signing certificate of SNS in the region of the SNS topic, in exactly
 * the form that SNS writes. It is compared as text, so that no two readings of a URL can differ. Ports, users, queries,
 * fragments, other spellings and look-alike hosts (`sns.s3-us-west-2.amazonaws.com` is anybody's bucket) all fail.
 */
export function checkCertificateUrl(url: string, topic: TopicArn): void {
  const base = `https://${snsHost(topic.region)}`;
  if (url.startsWith(`${base}/`) && PATH.test(url.slice(base.length))) return;
  throw forbidden("SigningCertURL must be that of a certificate of SNS in the region of the SNS topic");
}

interface Certificate {
  key: KeyObject;
  notBefore: number;
  notAfter: number;
}

/** Public keys of signing certificates. */
export interface Certificates {
  /**
   * The key of a certificate that is valid now. Throws `SnsRefusal`: 503 when it cannot be fetched now, 403 when it is
   * unfit. Fetches what it is told to: check the URL with `checkCertificateUrl` first.
   */
  keyOf(url: string): Promise<KeyObject>;
}

/**
 * Fetches a certificate once, even when several callers wait for it. TLS vouches for the host. The certificate itself
 * has to be made out to SNS, hold an RSA key of 2,048 bits or more, and be valid by `clock`. After a failure its URL is
 * refused for 30 s.
 */
export function createCertificates(fetchCertificate: HttpsGet, clock: Clock): Certificates {
  const known = new LRUCache<string, Certificate>({ max: MAX_KNOWN });
  const failed = new LRUCache<string, { refusal: SnsRefusal; until: number }>({ max: MAX_FAILED });
  const underWay = new Map<string, Promise<Certificate>>();
  const failures = createFailureCount(clock);

  const fetchOne = async (url: string): Promise<Certificate> => {
    try {
      const certificate = await fetched(url, fetchCertificate);
      known.set(url, certificate);
      return certificate;
    } catch (error) {
      if (!(error instanceof SnsRefusal)) throw error;
      failures.add();
      failed.set(url, { refusal: error, until: clock.monotonic() + FAILED_FOR_MS });
      throw error;
    } finally {
      underWay.delete(url);
    }
  };

  const find = (url: string): Certificate | Promise<Certificate> => {
    const found = known.get(url) ?? underWay.get(url);
    if (found !== undefined) return found;
    const failure = failed.get(url);
    if (failure !== undefined && clock.monotonic() < failure.until) throw failure.refusal;
    if (underWay.size >= MAX_AT_ONCE || failures.inLastMinute() >= MAX_FAILURES_A_MINUTE) {
      throw tryAgain("Too many signing certificates are asked for; try again in a minute");
    }
    const fetching = fetchOne(url);
    underWay.set(url, fetching);
    return fetching;
  };

  return {
    async keyOf(url) {
      const { key, notBefore, notAfter } = await find(url);
      const now = clock.now();
      if (now < notBefore || now > notAfter) throw forbidden("The signing certificate is not valid today");
      return key;
    },
  };
}

async function fetched(url: string, fetchCertificate: HttpsGet): Promise<Certificate> {
  const answer = await fetchCertificate(url).catch(() => null);
  if (answer === null || answer.status >= 500 || answer.status === 429 || answer.status === 408) {
    throw tryAgain("The signing certificate cannot be fetched from SNS now");
  }
  if (answer.status !== 200) throw forbidden("SNS knows no such signing certificate");
  return readCertificate(answer.body);
}

function readCertificate(pem: string): Certificate {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pem);
  } catch {
    // A sender cannot cause this: SNS itself, or something in front of it, gave the wrong answer.
    throw tryAgain("What was fetched as signing certificate is none");
  }
  const key = certificate.publicKey;
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (key.asymmetricKeyType !== "rsa" || bits < 2_048) throw forbidden("The signing certificate holds no fit RSA key");
  if (certificate.ca || !isOfSns(certificate)) throw forbidden("The signing certificate is not made out to SNS");
  return { key, notBefore: Date.parse(certificate.validFrom), notAfter: Date.parse(certificate.validTo) };
}

/**
 * The names that SNS uses: `sns.amazonaws.com`; in younger regions `sns-signing.<region>.amazonaws.com`, in GovCloud
 * and China `sns-us-gov-west-1.amazonaws.com` and `sns-cn-north-1.amazonaws.com.cn` (AWS SDK for Java, SNS message
 * manager).
 */
function isOfSns({ subject }: X509Certificate): boolean {
  const [, name = ""] = /^CN=(.*)$/m.exec(subject) ?? [];
  return /^sns(?:-[a-z0-9-]+)?(?:\.[a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?$/.test(name);
}

function createFailureCount(clock: Clock) {
  const at: number[] = [];
  return {
    add: () => {
      at.push(clock.monotonic());
      if (at.length > MAX_FAILURES_A_MINUTE) at.shift();
    },
    inLastMinute: () => at.filter((time) => time > clock.monotonic() - 60_000).length,
  };
}
