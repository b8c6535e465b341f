/** The body of `POST /v1/messages`, read into what the job file takes in, or into everything that is wrong with it. */
import type { FastifySchemaValidationError } from "fastify";
import { parseAddress } from "../compose/address/address.ts";
import { checkTopic, type Envelope } from "../compose/content/content.ts";
import { UserError } from "../errors.ts";
import type { Content, Tracking } from "../message.ts";
import { parseInstant } from "../time/schedule.ts";
import type { AcceptMessage } from "../store/rows.ts";
import { Refusal } from "../serve/errors.ts";
import { type Problems, structureProblems, summary } from "./problems.ts";
import { MOST_ADDRESSES, MOST_UUID, PRIORITIES } from "../serve/schemas.ts";

export interface Surroundings {
  /** Wall clock, ms. */
  now: number;
  zone: string;
  envelope: Envelope;
  tracking: Tracking | null;
  knownUuids(uuids: readonly string[]): Promise<Set<string>>;
}

/** More fields than a message has, so few that naming every unknown one stays cheap. */
const MOST_FIELDS = 32;

type Fields = Record<string, unknown>;

/**
 * To be asked before the schema is, which names every single problem of however large a body: throws Refusal for what no
 * gateway should look into.
 */
export function refuseOversized(body: unknown): void {
  if (!isObject(body)) throw new Refusal(400, "expected a JSON object with messages");
  const messages = body["messages"] ?? [];
  if (Array.isArray(messages) && messages.length === 0) throw refusal("messages", "No messages provided");
  if (!Array.isArray(messages)) return;
  if (messages.length > MOST_ADDRESSES || addressesIn(messages) > MOST_ADDRESSES)
    throw refusal("messages", `Max ${MOST_ADDRESSES} emails per request`);
  const crowded = [body, ...messages].findIndex((each) => isObject(each) && Object.keys(each).length > MOST_FIELDS);
  if (crowded >= 0) throw refusal(crowded === 0 ? "" : `messages[${crowded - 1}]`, "too many unknown fields");
}

function addressesIn(messages: readonly unknown[]): number {
  return messages.reduce<number>((sum, message) => {
    const emails = isObject(message) ? message["emails"] : null;
    return sum + (Array.isArray(emails) ? emails.length : 0);
  }, 0);
}

function refusal(path: string, error: string): Refusal {
  return new Refusal(400, error, [{ path, message: error }]);
}

/**
 * Reads a body that `refuseOversized` let through. `structure` is what its schema found wrong. Throws Refusal (400) with
 * all problems at once.
 */
export async function readMessages(
  body: unknown,
  structure: readonly FastifySchemaValidationError[],
  surroundings: Surroundings,
): Promise<AcceptMessage[]> {
  const reading = new Reading(surroundings, structureProblems(structure, "body"));
  const messages = reading.read(body as Fields);
  await reading.judgePast();
  const { problems } = reading;
  if (problems.count > 0) throw new Refusal(400, summary(problems.list(), problems.count), problems.list());
  return messages;
}

/** A time that is past, and the messages it was given for. */
interface Past {
  path: string;
  text: string;
  /** Null: a message without one. */
  uuids: (string | null)[];
}

interface When {
  at: number;
  past: Past | null;
}

const AT_ONCE: When = { at: 0, past: null };

class Reading {
  readonly problems: Problems;
  readonly #around: Surroundings;
  readonly #past: Past[] = [];
  readonly #uuids = new Map<string, number>();

  /** What is found is added to `problems`. */
  constructor(surroundings: Surroundings, problems: Problems) {
    this.#around = surroundings;
    this.problems = problems;
  }

  read(body: Fields): AcceptMessage[] {
    const usual = this.#when(body, "");
    const messages = Array.isArray(body["messages"]) ? (body["messages"] as unknown[]) : [];
    return messages
      .map((message, index) => (isObject(message) ? this.#message(message, `messages[${index}]`, index, usual) : null))
      .filter((message) => message !== null);
  }

  /** What is past is forgiven to messages that were taken in before: it was not past then. */
  async judgePast(): Promise<void> {
    if (this.#past.length === 0) return;
    const uuids = this.#past.flatMap((past) => past.uuids).filter((uuid) => uuid !== null);
    const known = uuids.length === 0 ? new Set() : await this.#around.knownUuids(uuids);
    for (const { path, text, uuids } of this.#past) {
      const forgiven = uuids.length > 0 && uuids.every((uuid) => uuid !== null && known.has(uuid));
      if (!forgiven) this.problems.add(path, text);
    }
  }

  #message(message: Fields, path: string, index: number, usual: When | null): AcceptMessage {
    const uuid = this.#uuid(message, path, index);
    return {
      topic: this.#topic(message, path),
      content: this.#content(message, path),
      emails: this.#emails(message, path),
      priority: PRIORITIES[(textOf(message["priority"]) ?? "medium") as keyof typeof PRIORITIES],
      notBefore: this.#notBefore(message, path, uuid, usual),
      uuid,
    };
  }

  #topic(message: Fields, path: string): string | null {
    const { name, value } = this.#either(message, "topic_id", "topicId", path);
    if (value === null || value === "") return null;
    try {
      return checkTopic(value);
    } catch (error) {
      this.problems.add(`${path}.${name}`, reasonOf(error));
      return null;
    }
  }

  #content(message: Fields, path: string): Content {
    const { envelope, tracking } = this.#around;
    return {
      ...envelope,
      subject: this.#subject(message, path),
      html: this.#html(message, path),
      text: "",
      attachments: [],
      allowEmpty: false,
      literal: true,
      ...(tracking && { tracking }),
    };
  }

  /** An empty one was named by the schema already; here and below. */
  #subject(message: Fields, path: string): string {
    const subject = textOf(message["subject"]) ?? "";
    if (/[\p{Cc}\u2028\u2029]/u.test(subject))
      this.problems.add(`${path}.subject`, "cannot hold line breaks or control characters");
    else if (/\p{Cs}/u.test(subject))
      this.problems.add(`${path}.subject`, "holds half of a character (a lone surrogate)");
    else if (subject !== "" && subject.trim() === "") this.problems.add(`${path}.subject`, "cannot be blank");
    return subject.trim();
  }

  #html(message: Fields, path: string): string {
    const html = textOf(message["content"]) ?? "";
    if (html !== "" && !/\S/.test(html)) this.problems.add(`${path}.content`, "cannot be blank");
    if (/\p{Cs}/u.test(html)) this.problems.add(`${path}.content`, "holds half of a character (a lone surrogate)");
    return html;
  }

  #emails(message: Fields, path: string): string[] {
    const emails = Array.isArray(message["emails"]) ? (message["emails"] as unknown[]) : [];
    return emails.map((email, index) => {
      if (typeof email !== "string") return "";
      const parsed = parseAddress(email);
      if ("address" in parsed) return parsed.address;
      this.problems.add(`${path}.emails[${index}]`, `invalid email address: ${parsed.problem}`);
      return "";
    });
  }

  #uuid(message: Fields, path: string, index: number): string | null {
    const uuid = textOf(message["uuid"]);
    if (uuid === null) return null;
    const length = Array.from(uuid).length;
    if (uuid.trim() === "" || length > MOST_UUID || /[\p{Cc}\p{Cs}\u2028\u2029]/u.test(uuid))
      this.problems.add(`${path}.uuid`, `expected 1–${MOST_UUID} printable characters`);
    const first = this.#uuids.get(uuid);
    if (first === undefined) this.#uuids.set(uuid, index);
    else this.problems.add(`${path}.uuid`, `the same as that of messages[${first}]`);
    return uuid;
  }

  #notBefore(message: Fields, path: string, uuid: string | null, usual: When | null): number {
    const own = this.#when(message, path);
    // Null: given, and not a time; named already.
    const when = own === AT_ONCE ? usual : own;
    when?.past?.uuids.push(uuid);
    return when?.at ?? 0;
  }

  #when(fields: Fields, path: string): When | null {
    const { name, value } = this.#either(fields, "scheduled_at", "scheduledAt", path);
    if (value === null) return AT_ONCE;
    const place = path === "" ? name : `${path}.${name}`;
    try {
      const { at, past } = parseInstant(value, this.#around);
      if (past === null) return { at, past: null };
      const found: Past = { path: place, text: reasonOf(past), uuids: [] };
      this.#past.push(found);
      return { at, past: found };
    } catch (error) {
      this.problems.add(place, reasonOf(error));
      return null;
    }
  }

  /** One of the two spellings; both only when they say the same. What is no text was named by the schema. */
  #either(fields: Fields, snake: string, camel: string, path: string): { name: string; value: string | null } {
    const [first, second] = [textOf(fields[snake]), textOf(fields[camel])];
    if (first !== null && second !== null && first !== second)
      this.problems.add(path === "" ? camel : `${path}.${camel}`, `says something else than ${snake}`);
    return first === null ? { name: camel, value: second } : { name: snake, value: first };
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof UserError)) throw error;
  return error.message;
}

function textOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
