/** What `check` found. Findings are data: the report and the JSON are made from the same list. */

export const SEVERITIES = ["error", "warning", "info", "ok"] as const;

/** `error`: the mail would not arrive, or not as it should. `warning`: it may suffer. `info`: good to know. `ok`: looked at, fine. */
export type Severity = (typeof SEVERITIES)[number];

export interface Finding {
  severity: Severity;
  /** Stable, for scripts: `area.check`, such as `identity.dkim`. The areas are those of `report.ts`. */
  check: string;
  /** One sentence: what was found. */
  message: string;
  /** What to do about it; null when there is nothing to do. */
  hint: string | null;
}

export function finding(severity: Severity, check: string, message: string, hint: string | null = null): Finding {
  return { severity, check, message, hint };
}

/** The `summary` object of the JSON answer. */
export interface Summary {
  errors: number;
  warnings: number;
  infos: number;
  ok: number;
}

export function summaryOf(findings: Finding[]): Summary {
  const count = (severity: Severity) => findings.filter((each) => each.severity === severity).length;
  return { errors: count("error"), warnings: count("warning"), infos: count("info"), ok: count("ok") };
}

const SHOWN = 3;
/** Enough to recognise an address or a link; the report stays readable. */
const LONGEST = 80;

/** Counts things and keeps the first few to show: the memory it takes does not depend on how many there are. */
export class Examples {
  count = 0;
  readonly #shown: string[] = [];

  add(example: string): void {
    this.count++;
    if (this.#shown.length < SHOWN)
      this.#shown.push(example.length > LONGEST ? `${example.slice(0, LONGEST)}…` : example);
  }

  /** `a, b, c and 5 more`. */
  get text(): string {
    const more = this.count - this.#shown.length;
    return more > 0 ? `${this.#shown.join(", ")} and ${number(more)} more` : this.#shown.join(", ");
  }
}

export function examplesOf(values: Iterable<string>): Examples {
  const examples = new Examples();
  for (const value of values) examples.add(value);
  return examples;
}

/** `12,345`. */
export function number(value: number): string {
  return value.toLocaleString("en-US");
}

/** `1 link`, `2 links`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${number(count)} ${count === 1 ? one : many}`;
}

/** `9.5 MB`, `102 KB`; powers of 1024, as mail providers count. */
export function size(bytes: number): string {
  return bytes < 1_048_576 ? `${Math.round(bytes / 1024)} KB` : `${(bytes / 1_048_576).toFixed(1)} MB`;
}
