/** Writes the findings for people: by area, the worst first. */
import { counted } from "../counted.ts";
import { printable } from "../printable.ts";
import { type Finding, SEVERITIES, type Severity, summaryOf } from "./finding.ts";

/** The part before the dot of a check's name, in the order of the report. */
const AREAS: [area: string, title: string][] = [
  ["account", "Account"],
  ["identity", "Sender"],
  ["configuration-set", "Configuration set"],
  ["dns", "DNS"],
  ["content", "Content"],
  ["recipients", "Recipients"],
];

const MARKS: Record<Severity, string> = { error: "✗", warning: "!", info: "·", ok: "✓" };

/**
 * The report for a terminal or a log: lines without colour, no newline at the end. Findings of an unknown area are left
 * out.
 */
export function reportOf(findings: Finding[]): string {
  const groups = AREAS.map(([area, title]) => ({
    title,
    found: findings.filter(({ check }) => check.startsWith(`${area}.`)).toSorted(bySeverity),
  }));
  const shown = groups.filter(({ found }) => found.length > 0);
  const sections = shown.map(({ title, found }) => [title, ...found.flatMap(linesOf)].join("\n"));
  return [...sections, verdict(findings)].join("\n\n");
}

function bySeverity(a: Finding, b: Finding): number {
  return SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity);
}

function linesOf({ severity, message, hint }: Finding): string[] {
  // What DNS, SES or a link said may be in it.
  const line = printable(`  ${MARKS[severity]} ${message}`);
  return hint === null ? [line] : [line, ...hint.split("\n").map((part) => printable(`      ${part}`))];
}

function verdict(findings: Finding[]): string {
  const { errors, warnings } = summaryOf(findings);
  if (errors + warnings === 0) return "Nothing stands in the way.";
  return `${counted(errors, "error")}, ${counted(warnings, "warning")}`;
}
