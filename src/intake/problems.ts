/** What is wrong with a request, place by place, so that a client can mend everything at once. */
import type { FastifySchemaValidationError } from "fastify";

/** `path` as in `messages[2].emails[17]`. */
export interface Problem {
  path: string;
  message: string;
}

/** An answer names no more than this many; a last entry says how many more there are. */
const MOST = 1_000;
/** Of a name the client made up, this much is repeated. */
const MOST_SHOWN = 60;

/** Collects problems; beyond the most an answer names they are only counted. */
export class Problems {
  readonly #named: Problem[] = [];
  #count = 0;

  add(path: string, message: string): void {
    this.#count++;
    if (this.#named.length < MOST) this.#named.push({ path, message });
  }

  get count(): number {
    return this.#count;
  }

  list(): Problem[] {
    const more = this.#count - this.#named.length;
    return more === 0 ? this.#named : [...this.#named, { path: "", message: `and ${more} more problems` }];
  }
}

/** One sentence for clients that only show `error`. */
export function summary(problems: readonly Problem[], count = problems.length): string {
  const [first] = problems;
  if (first === undefined) return "the request is not valid";
  const text = first.path === "" ? first.message : `${first.path}: ${first.message}`;
  return count === 1 ? text : `${text} (the first of ${count} problems)`;
}

/** What the schema found, in words. `context` is `body`, `querystring`, `params` or `headers`. */
export function structureProblems(errors: readonly FastifySchemaValidationError[], context: string): Problems {
  const problems = new Problems();
  for (const error of errors) problems.add(placeOf(error, context), wordsOf(error));
  return problems;
}

function placeOf({ instancePath, keyword, params }: FastifySchemaValidationError, context: string): string {
  const steps = instancePath.split("/").slice(1).map(unescaped);
  if (keyword === "required") steps.push(String(params["missingProperty"]));
  if (keyword === "additionalProperties") steps.push(String(params["additionalProperty"]));
  const path = steps.map((step) => (/^\d+$/.test(step) ? `[${step}]` : `.${shown(step)}`)).join("");
  return path === "" && context !== "body" ? context : path.replace(/^\./, "");
}

/** RFC 6901. */
function unescaped(step: string): string {
  return step.replaceAll("~1", "/").replaceAll("~0", "~");
}

function shown(name: string): string {
  return name.length > MOST_SHOWN ? `${name.slice(0, MOST_SHOWN)}…` : name;
}

const TYPES: Record<string, string> = {
  string: "text",
  array: "a list",
  object: "an object",
  integer: "a whole number",
  number: "a number",
  boolean: "true or false",
};

function wordsOf({ keyword, params, message }: FastifySchemaValidationError): string {
  switch (keyword) {
    case "required":
      return "is missing";
    case "additionalProperties":
      return "unknown field";
    case "type":
      return `expected ${typeNames(params["type"])}`;
    case "enum":
      return `expected one of ${(params["allowedValues"] as (string | null)[]).filter(Boolean).join(", ")}`;
    case "minLength":
    case "minItems":
      return params["limit"] === 1 ? "cannot be empty" : `expected at least ${String(params["limit"])}`;
    case "maxLength":
      return `expected at most ${String(params["limit"])} characters`;
    default:
      return message ?? "is not valid";
  }
}

function typeNames(type: unknown): string {
  const types = Array.isArray(type) ? type : [type];
  const named = types.filter((name) => name !== "null").map((name) => TYPES[String(name)] ?? String(name));
  return named.join(" or ");
}
