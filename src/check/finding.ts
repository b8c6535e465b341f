/** What `check` finds. A finding is data: the report and the JSON are made from the same list. */
import { count, counted } from "../counted.ts";

/** All severities, the worst first. */
export const SEVERITIES = ["error", "warning", "info", "ok"] as const;

/**
 * `error`: the mail would not arrive, or not as it should. `warning`: delivery may suffer. `info`: good to know. `ok`:
 * checked, and fine.
 */
export type Severity = (typeof SEVERITIES)[number];

/** One thing that was checked, and the result. */
export interface Finding {
  severity: Severity;
  /** A stable name for scripts: `area.check`, such as `identity.dkim`. `report.ts` lists the areas. */
  check: string;
  /** One sentence: what was found. */
  message: string;
  /** What to do about it; null when there is nothing to do. */
  hint: string | null;
}

/** Makes a finding; `hint` is left out when there is nothing to do. */
export function finding(severity: Severity, check: string, message: string, hint: string | null = null): Finding {
  return { severity, check, message, hint };
}

/** How many findings there are of each severity: `summary` of the JSON answer. */
export interface Summary {
  errors: number;
  warnings: number;
  infos: number;
  ok: number;
}

/** Counts findings by severity. */
export function summaryOf(findings: Finding[]): Summary {
  const count = (severity: Severity) => findings.filter((each) => each.severity === severity).length;
  return { errors: count("error"), warnings: count("warning"), infos: count("info"), ok: count("ok") };
}

const SHOWN = 3;
/** Characters of an example that are shown: enough to recognise an address or a link. */
const LONGEST = 80;

/** Counts things and keeps the first three to show. Its memory does not grow with their number. */
export class Examples {
  count = 0;
  readonly #shown: string[] = [];

  add(example: string): void {
    this.count++;
    if (this.#shown.length < SHOWN)
      this.#shown.push(example.length > LONGEST ? `${example.slice(0, LONGEST)}…` : example);
  }

  /** `a, b, c and 5 more`; empty when there are none. */
  get text(): string {
    const more = this.count - this.#shown.length;
    return more > 0 ? `${this.#shown.join(", ")} and ${count(more)} more` : this.#shown.join(", ");
  }
}

/** Counts `values` and keeps the first three to show. */
export function examplesOf(values: Iterable<string>): Examples {
  const examples = new Examples();
  for (const value of values) examples.add(value);
  return examples;
}

/** Writes a size for people: `102 KB`, `9.5 MB`. Powers of 1024, as mail providers count. */
export function size(bytes: number): string {
  if (bytes < 1024) return counted(bytes, "byte");
  return bytes < 1_048_576 ? `${Math.round(bytes / 1024)} KB` : `${(bytes / 1_048_576).toFixed(1)} MB`;
}
