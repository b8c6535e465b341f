/** Checks links and images: do they work when they are opened from a mailbox? */
import { counted } from "../counted.ts";
import { examplesOf, type Finding, finding } from "./finding.ts";

/**
 * What is wrong with a link. `http`: it works, but without TLS. Any other does not work, and the word says why, for the
 * report.
 */
type Problem = "http" | "empty" | "relative" | "local" | "a file" | "a script" | "unreadable";

/**
 * What is wrong with a link; null when nothing is. `#part` of the same mail is fine, and so are other schemes, such as
 * `mailto:` and `tel:`.
 */
function problemOf(link: string): Problem | null {
  const url = link.trim();
  if (url === "" || url === "#") return "empty";
  if (url.startsWith("#")) return null;
  // A scheme with a dot would be a host without a scheme: `example.com:8080`.
  const scheme = /^([a-z][a-z0-9+-]*):/i.exec(url)?.[1]?.toLowerCase();
  if (scheme === undefined) return "relative";
  if (scheme === "file") return "a file";
  if (scheme === "javascript" || scheme === "vbscript") return "a script";
  if (scheme !== "http" && scheme !== "https") return null;
  if (!/^https?:\/\/[^/]/i.test(url) || !URL.canParse(url)) return "unreadable";
  if (isLocal(new URL(url).hostname)) return "local";
  return scheme === "http" ? "http" : null;
}

/** True for this machine, a private network (RFC 1918), and a name without a dot. */
function isLocal(host: string): boolean {
  if (/^(?:127|10)\.|^192\.168\.|^172\.(?:1[6-9]|2\d|3[01])\.|^0\.0\.0\.0$|^\[::1\]$/.test(host)) return true;
  return /(?:^|\.)(?:localhost|local|internal)$/.test(host) || (!host.includes(".") && !host.startsWith("["));
}

/** The findings about links, given as written (`href`). Empty when there are none. */
export function linkFindings(links: string[]): Finding[] {
  const found = links.map((link) => ({ link, problem: problemOf(link) }));
  const broken = found.filter(({ problem }) => problem !== null && problem !== "http");
  const plain = found.filter(({ problem }) => problem === "http");
  const findings: Finding[] = [];
  if (broken.length > 0) {
    const examples = examplesOf(broken.map(({ link, problem }) => `${JSON.stringify(link)} (${problem})`));
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

/**
 * The findings about images, given as written (`src`, `alt`; null: none). `enclosed` are the Content-IDs of
 * pictures sent with the mail. Empty when there are no images.
 */
export function imageFindings(
  images: { source: string; alt: string | null }[],
  enclosed: ReadonlySet<string>,
): Finding[] {
  if (images.length === 0) return [];
  const sources = images.map(({ source }) => ({ source, problem: imageProblem(source, enclosed) }));
  const broken = sources.filter(({ problem }) => problem !== null && problem !== "http");
  const plain = sources.filter(({ problem }) => problem === "http");
  const silent = images.filter(({ alt }) => alt === null);
  const findings: Finding[] = [];
  if (broken.length > 0) {
    const examples = examplesOf(broken.map(({ source, problem }) => `${JSON.stringify(source)} (${problem})`));
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

function imageProblem(source: string, enclosed: ReadonlySet<string>): Problem | "inside the mail" | null {
  if (/^cid:/i.test(source) && enclosed.has(source.slice(4))) return null;
  // Gmail and Outlook do not show `data:` images.
  if (/^\s*(?:cid|data):/i.test(source)) return "inside the mail";
  return source.trim().startsWith("#") ? "empty" : problemOf(source);
}
