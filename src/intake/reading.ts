/** Reads a request into messages, and checks what its schema cannot: addresses, topics, times, texts. */
import { parseAddress } from "../compose/address/address.ts";
import { checkTopic, type Envelope } from "../compose/content/content.ts";
import { UserError } from "../errors.ts";
import type { Content, Tracking } from "../message.ts";
import { parseInstant } from "../time/schedule.ts";
import type { AcceptMessage } from "../store/rows.ts";
import { type Fields, isObject } from "./fields.ts";
import type { Problems } from "./problems.ts";
import { MOST_UUID, PRIORITIES } from "./schema.ts";

/** What has to be known to read a request, and is not in it. */
export interface Surroundings {
  /** Wall clock, ms. */
  now: number;
  /** IANA zone for times without an offset; null: they are refused. */
  zone: string | null;
  envelope: Envelope;
  /** The links that the mails carry; null: none. */
  tracking: Tracking | null;
  /** Those of the uuids whose messages were accepted before. */
  knownUuids(uuids: readonly string[]): Promise<Set<string>>;
}

/** A time in the past, and the messages it was given for. */
interface Past {
  path: string;
  /** Making the text takes longer than reading the time. */
  text: () => string;
  /** Of these messages. Null: a message without a uuid. */
  uuids: (string | null)[];
}

interface When {
  at: number;
  past: Past | null;
}

const AT_ONCE: When = { at: 0, past: null };

/** Turns the fields of one request into messages. */
export class Reading {
  readonly #problems: Problems;
  readonly #around: Surroundings;
  readonly #past: Past[] = [];
  readonly #uuids = new Map<string, number>();

  /** Adds what it finds to `problems`. */
  constructor(surroundings: Surroundings, problems: Problems) {
    this.#around = surroundings;
    this.#problems = problems;
  }

  /**
   * The messages of a body, in their order. When `problems` counts any, the messages may hold wrong values: use none of
   * them.
   */
  read(body: Fields): AcceptMessage[] {
    const usual = this.#when(body, "");
    const messages = Array.isArray(body["messages"]) ? (body["messages"] as unknown[]) : [];
    const found: AcceptMessage[] = [];
    for (const [index, message] of messages.entries()) {
      if (this.#problems.isFull) {
        this.#problems.stop();
        break;
      }
      if (isObject(message)) found.push(this.#message(message, `messages[${index}]`, index, usual));
    }
    return found;
  }

  /**
   * Adds times in the past to the problems. A time is forgiven when all its messages were accepted before: it was not
   * past then. Call it once, after `read`.
   */
  async judgePast(): Promise<void> {
    if (this.#past.length === 0) return;
    const uuids = this.#past.flatMap((past) => past.uuids).filter((uuid) => uuid !== null);
    const known = uuids.length === 0 ? new Set() : await this.#around.knownUuids(uuids);
    for (const { path, text, uuids } of this.#past) {
      const forgiven = uuids.length > 0 && uuids.every((uuid) => uuid !== null && known.has(uuid));
      if (forgiven) continue;
      if (this.#problems.isFull) return this.#problems.stop();
      this.#problems.add(path, text());
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
      expiresAt: null,
      expiresIn: null,
    };
  }

  #topic(message: Fields, path: string): string | null {
    const { name, value } = this.#either(message, "topic_id", "topicId", path);
    if (value === null || value === "") return null;
    try {
      return checkTopic(value);
    } catch (error) {
      this.#problems.add(`${path}.${name}`, reasonOf(error));
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

  /** The schema has reported an empty subject already. The same holds in the methods below. */
  #subject(message: Fields, path: string): string {
    const subject = textOf(message["subject"]) ?? "";
    if (/[\p{Cc}\u2028\u2029]/u.test(subject))
      this.#problems.add(`${path}.subject`, "cannot hold line breaks or control characters");
    else if (/\p{Cs}/u.test(subject))
      this.#problems.add(`${path}.subject`, "holds half of a character (a lone surrogate)");
    else if (subject !== "" && subject.trim() === "") this.#problems.add(`${path}.subject`, "cannot be blank");
    return subject.trim();
  }

  #html(message: Fields, path: string): string {
    const html = textOf(message["content"]) ?? "";
    if (html !== "" && !/\S/.test(html)) this.#problems.add(`${path}.content`, "cannot be blank");
    if (/\p{Cs}/u.test(html)) this.#problems.add(`${path}.content`, "holds half of a character (a lone surrogate)");
    return html;
  }

  #emails(message: Fields, path: string): string[] {
    const emails = Array.isArray(message["emails"]) ? (message["emails"] as unknown[]) : [];
    return emails.map((email, index) => {
      if (typeof email !== "string") return "";
      const parsed = parseAddress(email);
      if ("address" in parsed) return parsed.address;
      this.#problems.add(`${path}.emails[${index}]`, `invalid email address: ${parsed.problem}`);
      return "";
    });
  }

  #uuid(message: Fields, path: string, index: number): string | null {
    const uuid = textOf(message["uuid"]);
    if (uuid === null) return null;
    const length = Array.from(uuid).length;
    if (uuid.trim() === "" || length > MOST_UUID || /[\p{Cc}\p{Cs}\u2028\u2029]/u.test(uuid))
      this.#problems.add(`${path}.uuid`, `expected 1–${MOST_UUID} printable characters`);
    const first = this.#uuids.get(uuid);
    if (first === undefined) this.#uuids.set(uuid, index);
    else this.#problems.add(`${path}.uuid`, `the same as that of messages[${first}]`);
    return uuid;
  }

  #notBefore(message: Fields, path: string, uuid: string | null, usual: When | null): number {
    const own = this.#when(message, path);
    // Null: a time was given that cannot be read. It is reported already.
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
      const found: Past = { path: place, text: () => reasonOf(past()), uuids: [] };
      this.#past.push(found);
      return { at, past: found };
    } catch (error) {
      this.#problems.add(place, reasonOf(error));
      return null;
    }
  }

  /**
   * Reads a field that has two spellings. Both may be given when they say the same. The schema has reported what is not
   * text.
   */
  #either(fields: Fields, snake: string, camel: string, path: string): { name: string; value: string | null } {
    const [first, second] = [textOf(fields[snake]), textOf(fields[camel])];
    if (first !== null && second !== null && first !== second)
      this.#problems.add(path === "" ? camel : `${path}.${camel}`, `says something else than ${snake}`);
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
