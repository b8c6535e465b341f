/** One object of a request, and where it stands, so that what is wrong with it is told at its place. */
import { UserError } from "../errors.ts";
import type { Fields } from "./fields.ts";
import type { Problems } from "./problems.ts";
import { textProblem } from "../compose/content/sound-text.ts";

/**
 * Fields and their path, as in `messages[2]`; an empty path is the request itself. Fields of the wrong type read as if they were not
 * there: the schema has reported them.
 */
export class Place {
  readonly fields: Fields;
  readonly #above: Place | null;
  readonly #list: string;
  readonly #index: number;
  readonly #problems: Problems;

  /** The request itself. Adds what is wrong to `problems`. */
  constructor(fields: Fields, problems: Problems, above: Place | null = null, list = "", index = 0) {
    this.fields = fields;
    this.#problems = problems;
    this.#above = above;
    this.#list = list;
    this.#index = index;
  }

  /** As in `messages[2]`; "": the request itself. It is made when somebody asks, because nearly nobody does. */
  get path(): string {
    return this.#above === null ? "" : this.#above.at(`${this.#list}[${this.#index}]`);
  }

  /** The path of a field, as in `messages[2].to[0]`. */
  at(field: string): string {
    return this.path === "" ? field : `${this.path}.${field}`;
  }

  /** An object in a list of this one. */
  below(fields: Fields, list: string, index: number): Place {
    return new Place(fields, this.#problems, this, list, index);
  }

  /** Whether the field was given, and is not null. */
  has(field: string): boolean {
    return this.fields[field] !== undefined && this.fields[field] !== null;
  }

  /** The text of a field; null: it has none. */
  text(field: string): string | null {
    return textOf(this.fields[field]);
  }

  /** Reports a text that is blank, unless it is empty, which the schema reports, and one that has what no mail may hold. */
  checkText(field: string, text: string): void {
    if (text !== "" && !/\S/.test(text)) this.problem(field, "cannot be blank");
    const problem = textProblem(text);
    if (problem !== null) this.problem(field, problem);
  }

  /** The items of a field; empty: it has none. */
  list(field: string): unknown[] {
    const value = this.fields[field];
    return Array.isArray(value) ? (value as unknown[]) : [];
  }

  /** Reports what is wrong with a field. */
  problem(field: string, message: string): void {
    this.#problems.add(this.at(field), message);
  }

  /** True: nothing that is reported now would be shown. */
  get isFull(): boolean {
    return this.#problems.isFull;
  }

  /** Says that not everything was looked at, because enough was reported. */
  stop(): void {
    this.#problems.stop();
  }

  /** What `work` returns. When it throws a UserError, that is reported as what is wrong with the field, and `otherwise` returned. */
  try<T>(field: string, otherwise: T, work: () => T): T {
    try {
      return work();
    } catch (error) {
      this.problem(field, reasonOf(error));
      return otherwise;
    }
  }

  /** Reads a text that has two spellings. Both may be given when they say the same. `name` is the one that was given. */
  either(snake: string, camel: string): { name: string; value: string | null } {
    const [first, second] = [this.text(snake), this.text(camel)];
    if (first !== null && second !== null && first !== second) this.problem(camel, `says something else than ${snake}`);
    return first === null ? { name: camel, value: second } : { name: snake, value: first };
  }
}

/** The message of a UserError with its advice. Throws any other error again. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof UserError)) throw error;
  return error.message;
}

function textOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
