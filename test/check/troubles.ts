import type { Finding } from "../../src/check/finding.ts";

/** Everything that is not `ok`, as `severity check`, in the order it was found. */
export function troubles(findings: Finding[]): string[] {
  return findings.filter(({ severity }) => severity !== "ok").map(({ severity, check }) => `${severity} ${check}`);
}

/** The one finding of a check; throws when there is none or several. */
export function only(findings: Finding[], check: string): Finding {
  const [found, ...more] = findings.filter((each) => each.check === check);
  if (!found || more.length > 0) throw new Error(`expected one ${check}, got ${JSON.stringify(findings, null, 1)}`);
  return found;
}
