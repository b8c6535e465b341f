/**
 * Reads the body of a request and leaves a long list of recipients in it as the text that it is. Each recipient is parsed when its turn
 * comes, and forgotten. Ten thousand objects that wait for their turn are copied by the garbage collector again and again.
 */
import { randomUUID } from "node:crypto";
import { isObject } from "../json.ts";
import { MOST_ADDRESSES } from "./schema.ts";

/** A list with fewer recipients is parsed with the body. */
const LONG = 100;

const CHARACTERS = String.raw`[^"\\\x00-\x1f]*`;
const STRING = String.raw`"${CHARACTERS}(?:\\["\\/bfnrt]${CHARACTERS})*"`;
const SCALAR = String.raw`${STRING}|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null`;
const NEXT = String.raw`, ?(?=["{[\w-])`;

/** An object of JSON without line ends, with so many levels of lists and objects inside. */
function objectOf(levels: number): string {
  const value = levels === 0 ? SCALAR : `${SCALAR}|${objectOf(levels - 1)}|${listOf(levels - 1)}`;
  return String.raw`\{(?:${STRING}: ?(?:${value})(?:${NEXT}|(?=\})))*\}`;
}

function listOf(levels: number): string {
  const value = levels === 0 ? SCALAR : `${SCALAR}|${objectOf(levels - 1)}|${listOf(levels - 1)}`;
  return String.raw`\[(?:(?:${value})(?:${NEXT}|(?=\])))*\]`;
}

/** A recipient whose shape is what the schema asks for, and what follows it in its list. */
const RECIPIENT = new RegExp(
  String.raw` ?\{"email": ?${STRING}(?:, ?"data": ?${objectOf(4)})?(?:, ?"uuid": ?${STRING})?\}([,\]])`,
  "y",
);
const BEGIN = /"to": ?\[(?=\{"email")/g;

/** A list of recipients in a text: where each of them ends. */
interface Found {
  begin: number;
  ends: number[];
}

/** What is still text of a list: recipients that are as the schema asks. */
class Rest {
  readonly #text: string;
  readonly #ends: readonly number[];

  constructor(text: string, ends: readonly number[]) {
    this.#text = text;
    this.#ends = ends;
  }

  /** How many there are. */
  get length(): number {
    return this.#ends.length - 1;
  }

  *[Symbol.iterator](): Generator {
    for (let at = 1; at < this.#ends.length; at++)
      yield JSON.parse(this.#text.slice((this.#ends[at - 1] ?? 0) + 1, this.#ends[at]));
  }
}

/** By the list, of which only the beginning is parsed. */
const rests = new WeakMap<object, Rest>();

/**
 * The body that a text of JSON is. `parse` says what a text is; it refuses names that reach into prototypes. A list of recipients in the
 * body may hold only its first one: read it with `entriesOf` and `lengthOf`. Rejects as `parse` does.
 */
export async function parseRequest(text: string, parse: (text: string) => Promise<unknown>): Promise<unknown> {
  const found = longListIn(text);
  if (found === null) return parse(text);
  const { begin, ends } = found;
  const [first = 0] = ends;
  // Nobody can guess it, so it is where it was put.
  const mark = randomUUID();
  const short = `${text.slice(0, first)},"${mark}"${text.slice(ends.at(-1))}`;
  const body = await parse(short).catch(() => undefined);
  const list = listWith(body, mark);
  if (list === null) return parse(text);
  list.pop();
  rests.set(
    list,
    new Rest(
      text.slice(begin),
      ends.map((end) => end - begin),
    ),
  );
  return body;
}

/** All of a list of recipients that `parseRequest` gave, one after the other. */
export function* entriesOf(list: readonly unknown[]): Generator {
  yield* list;
  yield* rests.get(list) ?? [];
}

/** How many entries `entriesOf` gives. */
export function lengthOf(list: readonly unknown[]): number {
  return list.length + (rests.get(list)?.length ?? 0);
}

/** The first list of recipients in the text, when it is long and surely one. */
function longListIn(text: string): Found | null {
  // Escapes may hide names that nobody may give.
  if (text.includes("\\u") || text.includes("__proto__") || text.includes("constructor")) return null;
  BEGIN.lastIndex = 0;
  if (!BEGIN.test(text)) return null;
  const begin = BEGIN.lastIndex;
  const ends: number[] = [];
  RECIPIENT.lastIndex = begin;
  for (let read = recipientIn(text); ; read = recipientIn(text)) {
    if (read === null || ends.length === MOST_ADDRESSES) return null;
    ends.push(RECIPIENT.lastIndex - 1);
    if (read[1] === "]") return ends.length < LONG ? null : { begin, ends };
  }
}

/** The next recipient. An expression has a stack, which megabytes of escapes overflow. */
function recipientIn(text: string): RegExpExecArray | null {
  try {
    return RECIPIENT.exec(text);
  } catch {
    return null;
  }
}

/** The list of recipients of a message in which the mark is the second entry. */
function listWith(body: unknown, mark: string): unknown[] | null {
  const messages = isObject(body) && Array.isArray(body["messages"]) ? (body["messages"] as unknown[]) : [];
  for (const message of messages) {
    const to = isObject(message) ? message["to"] : null;
    if (Array.isArray(to) && to.length === 2 && to[1] === mark) return to as unknown[];
  }
  return null;
}
