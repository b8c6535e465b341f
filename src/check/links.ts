/** Links and images: do they lead anywhere when they are opened from a mailbox. */
import { counted, examplesOf, type Finding, finding } from "./finding.ts";

/** `http`: works, unprotected. Anything else does not work: why, as an adjective for the report. */
type Trouble = "http" | "empty" | "relative" | "local" | "a file" | "a script" | "unreadable";

/** What is wrong with a link in a mail, or null. `#part` of the same mail is fine, and so is any other scheme (`mailto:`, `tel:`). */
function troubleOf(link: string): Trouble | null {
  const url = link.trim();
  if (url === "" || url === "#") return "empty";
  if (url.startsWith("#")) return null;
  // A dot in it: `example.com:8080`, a host without a scheme.
  const scheme = /^([a-z][a-z0-9+-]*):/i.exec(url)?.[1]?.toLowerCase();
  if (scheme === undefined) return "relative";
  if (scheme === "file") return "a file";
  if (scheme === "javascript" || scheme === "vbscript") return "a script";
  if (scheme !== "http" && scheme !== "https") return null;
  if (!/^https?:\/\/[^/]/i.test(url) || !URL.canParse(url)) return "unreadable";
  if (isLocal(new URL(url).hostname)) return "local";
  return scheme === "http" ? "http" : null;
}

/** This machine, a private network (RFC 1918), or a name without a dot. */
function isLocal(host: string): boolean {
  if (/^(?:127|10)\.|^192\.168\.|^172\.(?:1[6-9]|2\d|3[01])\.|^0\.0\.0\.0$|^\[::1\]$/.test(host)) return true;
  return /(?:^|\.)(?:localhost|local|internal)$/.test(host) || (!host.includes(".") && !host.startsWith("["));
}

export function linkFindings(links: string[]): Finding[] {
  const found = links.map((link) => ({ link, trouble: troubleOf(link) }));
  const broken = found.filter(({ trouble }) => trouble !== null && trouble !== "http");
  const plain = found.filter(({ trouble }) => trouble === "http");
  const findings: Finding[] = [];
  if (broken.length > 0) {
    const examples = examplesOf(broken.map(({ link, trouble }) => `${JSON.stringify(link)} (${trouble})`));
    findings.push(
      finding(
        "error",
        "content.links",
        `${counted(broken.length, "link")} ${broken.length === 1 ? "leads" : "lead"} nowhere from a mailbox: ${examples.text}`,
        "write whole addresses, https://…",
      ),
    );
  }
  if (plain.length > 0) {
    const examples = examplesOf(plain.map(({ link }) => link));
    findings.push(
      finding(
        "warning",
        "content.links-http",
        `${counted(plain.length, "link")} without https: ${examples.text}`,
        "use https",
      ),
    );
  }
  if (findings.length > 0 || links.length === 0) return findings;
  return [finding("ok", "content.links", `${counted(links.length, "link")}, each a whole address`)];
}

/** `enclosed`: Content-IDs of the pictures that go with the mail. */
export function imageFindings(
  images: { source: string; alt: string | null }[],
  enclosed: ReadonlySet<string>,
): Finding[] {
  if (images.length === 0) return [];
  const sources = images.map(({ source }) => ({ source, trouble: imageTrouble(source, enclosed) }));
  const broken = sources.filter(({ trouble }) => trouble !== null && trouble !== "http");
  const plain = sources.filter(({ trouble }) => trouble === "http");
  const silent = images.filter(({ alt }) => alt === null);
  const findings: Finding[] = [];
  if (broken.length > 0) {
    const examples = examplesOf(broken.map(({ source, trouble }) => `${JSON.stringify(source)} (${trouble})`));
    const message = `${counted(broken.length, "image")} will not be seen: ${examples.text}`;
    const hint = "put it on a web server and write its https:// address; or send it along with inline_images: true";
    findings.push(finding("error", "content.images", message, hint));
  }
  if (plain.length > 0) {
    const message = `${counted(plain.length, "image")} without https: ${examplesOf(plain.map(({ source }) => source)).text}`;
    findings.push(
      finding("warning", "content.images-http", message, "use https: many mail programs show nothing else"),
    );
  }
  if (silent.length > 0) {
    const message = `${counted(silent.length, "image")} without alt: ${examplesOf(silent.map(({ source }) => source)).text}`;
    const hint = 'say what it shows, alt="…", or alt="" when it is decoration; many readers see no images';
    findings.push(finding("warning", "content.images-alt", message, hint));
  }
  return findings.length > 0
    ? findings
    : [
        finding(
          "ok",
          "content.images",
          `${counted(images.length, "image")}, with https${enclosed.size > 0 ? " or inside the mail" : ""} and alt`,
        ),
      ];
}

function imageTrouble(source: string, enclosed: ReadonlySet<string>): Trouble | "inside the mail" | null {
  if (/^cid:/i.test(source) && enclosed.has(source.slice(4))) return null;
  // Gmail and Outlook show no data: images.
  if (/^\s*(?:cid|data):/i.test(source)) return "inside the mail";
  return source.trim().startsWith("#") ? "empty" : troubleOf(source);
}
