/** The problems of a request, each with its place, so that the author can mend all of them at once. */

/** One problem. `path` is a place as in `messages[2].emails[17]`; empty: the request as a whole. */
export interface Problem {
  path: string;
  message: string;
}

/** An answer names this many problems at most. A last entry says how many more there are. */
const MOST = 1_000;
/** Collects problems. The first 1,000 are kept; the others are only counted. */
export class Problems {
  readonly #named: Problem[] = [];
  #count = 0;

  add(path: string, message: string): void {
    this.#count++;
    if (this.#named.length < MOST) this.#named.push({ path, message });
  }

  /** How many there are, kept or not. */
  get count(): number {
    return this.#count;
  }

  /** In the order they were found: up to 1,000, and then one that says how many more there are. */
  list(): Problem[] {
    const more = this.#count - this.#named.length;
    return more === 0 ? this.#named : [...this.#named, { path: "", message: `and ${more} more problems` }];
  }
}

/** One sentence for readers who read no further: the first problem, and how many there are. */
export function summary(problems: readonly Problem[], count = problems.length): string {
  const [first] = problems;
  if (first === undefined) return "the request is not valid";
  const text = first.path === "" ? first.message : `${first.path}: ${first.message}`;
  return count === 1 ? text : `${text} (the first of ${count} problems)`;
}
