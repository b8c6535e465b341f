/** Says in words what a JSON schema finds wrong with a value. */
import { Ajv } from "ajv";
import { isObject } from "../json.ts";
import { Problems } from "./problems.ts";
import { MAIL_REQUEST } from "./schema.ts";

/** One finding of ajv, as ajv (`ErrorObject`) and Fastify report it. */
export interface SchemaFinding {
  /** JSON pointer (RFC 6901) to the value that is wrong. */
  instancePath: string;
  keyword: string;
  /** Details of the finding; each keyword has its own. */
  params: Record<string, unknown>;
  message?: string | undefined;
}

/** Options of ajv. Every problem is reported, no value is converted, and formats are only documentation. */
export const STRICT = { allErrors: true, allowUnionTypes: true, validateFormats: false } as const;

/** How much of a client's field name an answer repeats, in characters. */
const MOST_SHOWN = 60;

const { messages: messagesSchema } = MAIL_REQUEST.properties;
const { items: wholeMessage, ...messagesAlone } = messagesSchema;
const { anyOf: _inWords, ...messageSchema } = wholeMessage;
/** To learn whether there is a character, ajv would count those of the whole text. */
const LONG_TEXTS = { content: { type: "string" }, text: { type: ["string", "null"] } };
const checkRequest = new Ajv(STRICT).compile({
  ...MAIL_REQUEST,
  properties: { ...MAIL_REQUEST.properties, messages: messagesAlone },
});
const checkMessage = new Ajv(STRICT).compile({
  ...messageSchema,
  properties: { ...messageSchema.properties, ...LONG_TEXTS },
});

/**
 * What `MAIL_REQUEST` finds wrong with a value, message by message. Stops after the message with which the problems are full.
 * Does not change the value.
 */
export function checkStructure(body: { messages?: unknown }): Problems {
  const problems = new Problems();
  if (!checkRequest(body)) addFindings(problems, checkRequest.errors ?? []);
  const messages: unknown[] = Array.isArray(body.messages) ? body.messages : [];
  for (const [index, message] of messages.entries()) {
    if (problems.isFull) {
      problems.stop();
      break;
    }
    addMissing(problems, message, `messages[${index}]`);
    addEmpty(problems, message, `messages[${index}]`);
    if (checkMessage(message)) continue;
    const findings = checkMessage.errors ?? [];
    addFindings(
      problems,
      findings.map((finding) => ({ ...finding, instancePath: `/messages/${index}${finding.instancePath}` })),
    );
  }
  return problems;
}

/** Adds what a message cannot be without. A message with a template has its subject and its content from there. */
function addMissing(problems: Problems, message: unknown, path: string): void {
  if (!isObject(message)) return;
  const needed = message["template"] === undefined ? ["subject", "content"] : [];
  const missing = [...(message["to"] === undefined ? ["emails"] : []), ...needed].filter((name) => !(name in message));
  for (const name of missing) problems.add(`${path}.${name}`, "is missing");
}

/** Adds the long texts that are empty. */
function addEmpty(problems: Problems, message: unknown, path: string): void {
  if (!isObject(message)) return;
  for (const name of Object.keys(LONG_TEXTS))
    if (message[name] === "") problems.add(`${path}.${name}`, "cannot be empty");
}

/** Puts findings into words. `root` is the place of findings about the value as a whole. */
export function structureProblems(findings: readonly SchemaFinding[], root = ""): Problems {
  const problems = new Problems();
  addFindings(problems, findings, root);
  return problems;
}

function addFindings(problems: Problems, findings: readonly SchemaFinding[], root = ""): void {
  for (const finding of findings) problems.add(placeOf(finding) || root, wordsOf(finding));
}

function placeOf({ instancePath, keyword, params }: SchemaFinding): string {
  const steps = instancePath.split("/").slice(1).map(unescaped);
  if (keyword === "required") steps.push(String(params["missingProperty"]));
  if (keyword === "additionalProperties") steps.push(String(params["additionalProperty"]));
  const path = steps.map((step) => (/^\d+$/.test(step) ? `[${step}]` : `.${shown(step)}`)).join("");
  return path.replace(/^\./, "");
}

/** A step of a JSON pointer without its escapes (RFC 6901 §4). */
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

function wordsOf({ keyword, params, message }: SchemaFinding): string {
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
