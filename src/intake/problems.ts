/** What is wrong with a request, place by place, so that whoever wrote it can mend everything at once. */

/** `path` as in `messages[2].emails[17]`. */
export interface Problem {
  path: string;
  message: string;
}

/** An answer names no more than this many; a last entry says how many more there are. */
const MOST = 1_000;
/** Collects problems; beyond the most an answer names they are only counted. */
export class Problems {
  readonly #named: Problem[] = [];
  #count = 0;

  add(path: string, message: string): void {
    this.#count++;
    if (this.#named.length < MOST) this.#named.push({ path, message });
  }

  /** All of them, named or not. */
  get count(): number {
    return this.#count;
  }

  /** In the order they were found: up to 1,000, and then one that says how many more there are. */
  list(): Problem[] {
    const more = this.#count - this.#named.length;
    return more === 0 ? this.#named : [...this.#named, { path: "", message: `and ${more} more problems` }];
  }
}

/** One sentence for whoever reads no more: the first problem, and how many there are. */
export function summary(problems: readonly Problem[], count = problems.length): string {
  const [first] = problems;
  if (first === undefined) return "the request is not valid";
  const text = first.path === "" ? first.message : `${first.path}: ${first.message}`;
  return count === 1 ? text : `${text} (the first of ${count} problems)`;
}
