/** The problems of a request, each with its place, so that the author can mend all of them at once. */

/** One problem. `path` is a place as in `messages[2].emails[17]`; empty: the request as a whole. */
export interface Problem {
  path: string;
  message: string;
}

/** An answer names this many problems at most. A last entry says that there are more. */
const MOST = 1_000;
/**
 * Collects problems. The first 1,000 are kept, the others only counted. Who reads a long request stops when `isFull`, so
 * that a bad one costs no more than a good one.
 */
export class Problems {
  readonly #named: Problem[] = [];
  #count = 0;
  #isWhole = true;

  add(path: string, message: string): void {
    this.#count++;
    if (this.#named.length < MOST) this.#named.push({ path, message });
  }

  /** How many were found. */
  get count(): number {
    return this.#count;
  }

  /** True: no further problem would be shown. */
  get isFull(): boolean {
    return this.#count > MOST;
  }

  /** Says that not everything was looked at, because it is full. */
  stop(): void {
    this.#isWhole = false;
  }

  /** In the order they were found: up to 1,000, and then one that says that there are more, and how many if that is known. */
  list(): Problem[] {
    const more = this.#count - this.#named.length;
    if (more === 0) return this.#named;
    return [...this.#named, { path: "", message: this.#isWhole ? `and ${more} more problems` : "and more problems" }];
  }

  /** One sentence for readers who read no further: the first problem, and how many there are. */
  summary(): string {
    return summary(this.#named, this.#isWhole ? this.#count : `more than ${MOST}`);
  }
}

/** The same for a list of problems. `count`: how many there are, when the list does not hold all of them. */
export function summary(problems: readonly Problem[], count: number | string = problems.length): string {
  const [first] = problems;
  if (first === undefined) return "the request is not valid";
  const text = first.path === "" ? first.message : `${first.path}: ${first.message}`;
  return count === 1 ? text : `${text} (the first of ${count} problems)`;
}
