/** Knows mailbox providers: nobody else may send from their addresses, and people mistype their names. */

/**
 * Domains of mailbox providers. Mail from them that is sent through SES fails DMARC: SES cannot sign for them, and the
 * providers tell receivers to refuse or distrust it (yahoo.com and aol.com: p=reject).
 */
const FREE_MAIL = new Set(
  (
    "gmail.com googlemail.com yahoo.com yahoo.co.jp yahoo.co.uk yahoo.co.in yahoo.fr yahoo.de yahoo.es yahoo.it yahoo.ca " +
    "yahoo.com.br ymail.com rocketmail.com aol.com outlook.com hotmail.com hotmail.co.uk hotmail.fr live.com msn.com " +
    "icloud.com me.com mac.com proton.me protonmail.com gmx.de gmx.net gmx.com web.de t-online.de mail.ru yandex.ru " +
    "yandex.com qq.com 163.com 126.com naver.com hanmail.net daum.net kakao.com nate.com"
  ).split(" "),
);

/** True for the domain of a mailbox provider, given in lower case. */
export function isFreeMail(domain: string): boolean {
  return FREE_MAIL.has(domain);
}

/**
 * Providers so large that a domain one slip away is more likely a mistake. Real neighbours of each other (gmx.de,
 * gmx.at) are left out.
 */
const OFTEN_MISTYPED = (
  "gmail.com googlemail.com yahoo.com yahoo.co.jp yahoo.co.uk rocketmail.com outlook.com hotmail.com hotmail.co.uk live.com " +
  "icloud.com protonmail.com aol.com msn.com t-online.de orange.fr qq.com 163.com yandex.ru " +
  "naver.com hanmail.net daum.net nate.com kakao.com korea.com dreamwiz.com"
).split(" ");

/** Domains that exist although they are one slip away from another. */
const REAL = new Set([
  ...FREE_MAIL,
  "mail.com",
  "email.com",
  "cloud.com",
  "hotmail.de",
  "live.ca",
  "yandex.by",
  "gmx.at",
]);

/** Domains that people type for a provider's although they are more than one slip away from it. */
const MEANT: Record<string, string> = {
  "gmail.net": "gmail.com",
  "gmail.co.kr": "gmail.com",
  "naver.net": "naver.com",
  "naver.co.kr": "naver.com",
  "hanmail.com": "hanmail.net",
  "hanmail.co.kr": "hanmail.net",
  "daum.com": "daum.net",
  "hotmail.net": "hotmail.com",
};

/** Endings that are no top-level domain and one slip away from one. */
const ENDINGS: Record<string, string> = {
  con: "com",
  cmo: "com",
  ocm: "com",
  comm: "com",
  coom: "com",
  cpm: "com",
  vom: "com",
  xom: "com",
  nett: "net",
  ent: "net",
  ner: "net",
};

/**
 * A first label shorter than this has too many neighbours that exist (`nate.com`, `date.com`), so only what follows it
 * is compared.
 */
const SHORT_LABEL = 5;

/** The domain that was probably meant; null when `domain` (in lower case) looks right. */
export function likelyMeant(domain: string): string | null {
  if (REAL.has(domain)) return null;
  return MEANT[domain] ?? OFTEN_MISTYPED.find((provider) => isSlipOf(domain, provider)) ?? endingMeant(domain);
}

function isSlipOf(domain: string, provider: string): boolean {
  if (Math.abs(domain.length - provider.length) > 1 || domain === provider) return false;
  const label = provider.slice(0, provider.indexOf("."));
  if (label.length < SHORT_LABEL && !domain.startsWith(`${label}.`)) return false;
  return isOneSlip(domain, provider);
}

/** True when the texts differ by one character (added, removed or another) or by two neighbours swapped. */
function isOneSlip(a: string, b: string): boolean {
  const shorter = Math.min(a.length, b.length);
  let head = 0;
  while (head < shorter && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < shorter - head && a.at(-1 - tail) === b.at(-1 - tail)) tail++;
  const [x, y] = [a.slice(head, a.length - tail), b.slice(head, b.length - tail)];
  return (x.length <= 1 && y.length <= 1) || (x.length === 2 && y.length === 2 && x[0] === y[1] && x[1] === y[0]);
}

function endingMeant(domain: string): string | null {
  const dot = domain.lastIndexOf(".");
  const ending = domain.slice(dot + 1);
  return Object.hasOwn(ENDINGS, ending) ? `${domain.slice(0, dot)}.${ENDINGS[ending]}` : null;
}

/** Names of RFC 2142, and those that list operators know as spam traps and complaint boxes. */
const ROLES = new Set(
  (
    "abuse admin administrator billing compliance contact customerservice devnull dns feedback ftp help helpdesk hostmaster " +
    "hr info inquiries jobs legal list list-request mailer-daemon maildaemon marketing media noc no-reply noreply news " +
    "office orders phish phishing postmaster press privacy registrar root sales security service spam subscribe support " +
    "sysadmin tech trouble undisclosed-recipients unsubscribe usenet uucp webmaster www"
  ).split(" "),
);

/** True for an address of a function (`info@`, `abuse@`), not of a person. A `+label` does not hide it. */
export function isRole(address: string): boolean {
  const local = address.slice(0, address.lastIndexOf("@")).toLowerCase();
  return ROLES.has(local.split("+", 1)[0] ?? "");
}
