/**
 * Reads settings from YAML. Each text is exactly what its author sees, or it is refused. Loaded only when there is
 * front matter.
 */
import { count } from "../../counted.ts";
import { isAlias, isMap, isScalar, isSeq, type Node, parseDocument, type Scalar } from "yaml";
import { UserError } from "../../errors.ts";
import { shown, yamlQuoted } from "../shown.ts";
import { textProblem } from "./sound-text.ts";

/** A scalar of YAML as text. */
export interface Text {
  kind: "text";
  text: string;
  /** The line of the content file, 1-based, as everywhere here. */
  line: number;
}

/** The value of a setting. `source` is the YAML it was written as. */
export type Value =
  | Text
  | { kind: "list"; items: Value[]; line: number; source: string }
  | { kind: "map"; entries: Entry[]; line: number; source: string };

/** A setting: its name and its value. */
export interface Entry {
  key: Text;
  value: Value;
}

/** Something that YAML cannot read, or that it reads as something other than text. */
interface YamlProblem {
  /** Where it is in the YAML. Only the first problem is reported. */
  offset: number;
  message: string;
  hint: string;
}

/** A setting is a text, or a list or map of texts. Anything deeper is of the wrong kind anyway. */
const DEEPEST = 3;

/** Settings are a few lines. The time to read them grows with the square of their number. */
const MOST_CHARACTERS = 100_000;

/** A hint shows the line to write only up to this length. */
const MOST_SUGGESTED = 200;

/** The text between two nodes: white space, indicators and comments, but no tag and no anchor. */
const GAP = /^(?:[\s,:?[{-]|#[^\n]*)*/;

/** The part of a line before its value: a dash, a key, or both. */
const HEAD = /^(\s*(?:-|(?:-[ \t]+)?[^\s"'#:{[-][^:]*:)[ \t]+)(.*)$/;

const EXPECTED = "write a name, a colon and a space: subject: Hello";

/**
 * The settings in their order. Numbers, dates, `yes` and `null` are texts, as they are written; block texts lose the
 * line breaks at their end. Throws `UserError`, with `name`, the line and what to write instead, for YAML that cannot
 * be read, and for values of which YAML would take a part as syntax: a comment, a tag, an anchor, an alias. `firstLine`
 * is the line of the file on which `yaml` starts. More than 100,000 characters are refused, too.
 */
export function readSettings(yaml: string, name: string, firstLine: number): Entry[] {
  if (yaml.length > MOST_CHARACTERS) {
    const [given, most] = [yaml.length, MOST_CHARACTERS].map((each) => count(each));
    throw new UserError(
      `the front matter of ${name} is ${given} characters long, the limit is ${most}`,
      "move what belongs to the mail below the second line ---",
    );
  }
  const reader = new Reader(yaml, firstLine);
  const entries = reader.read();
  const [first] = reader.problems.sort((a, b) => a.offset - b.offset);
  if (!first) return entries;
  throw new UserError(`${name}, line ${reader.lineAt(first.offset)}: ${first.message}`, first.hint);
}

class Reader {
  readonly problems: YamlProblem[] = [];
  readonly #yaml: string;
  readonly #firstLine: number;
  /** How many lines end before the place that was asked for last. */
  #counted = { offset: 0, lines: 0 };
  /** Where each quoted text starts, by where it ends. */
  readonly #quotes = new Map<number, number>();

  constructor(yaml: string, firstLine: number) {
    this.#yaml = yaml;
    this.#firstLine = firstLine;
  }

  read(): Entry[] {
    const { contents, errors } = parseDocument(this.#yaml, { schema: "failsafe", logLevel: "error" });
    const root = contents === null ? null : this.#value(contents, 0, 0);
    for (const { code, message, pos } of errors) this.#explain(code, message, pos[0]);
    if (root?.kind === "map") return root.entries;
    const isBlank = root === null || (root.kind === "text" && root.text === "");
    if (!isBlank)
      this.#report(this.#startOf(0, contents), "the front matter expects lines like subject: Hello", EXPECTED);
    return [];
  }

  lineAt(offset: number): number {
    // Nodes come in their order, so the next one is a little further.
    if (offset < this.#counted.offset) this.#counted = { offset: 0, lines: 0 };
    let { lines } = this.#counted;
    for (let at = this.#counted.offset; at < offset; at++) if (this.#yaml[at] === "\n") lines++;
    this.#counted = { offset, lines };
    return this.#firstLine + lines;
  }

  /** `end` is where the previous node ended. */
  #value(node: Node, end: number, depth: number): Value {
    const start = this.#startOf(end, node);
    const line = this.lineAt(start);
    if (isAlias(node)) this.#taken(start, this.#word(start), "for an alias");
    const properties = this.#yaml.slice(start, node.range?.[0] ?? start).trim();
    if (properties.startsWith("&")) this.#taken(start, this.#word(start), "for an anchor");
    else if (properties.startsWith("!")) this.#taken(start, this.#word(start), "for a tag");
    else if (properties !== "")
      this.#report(start, `YAML cannot read ${this.#shownLine(start)}`, this.#quoteHint(this.#valueStart(start)));
    if (isScalar(node)) return { kind: "text", text: this.#text(node), line };
    const source = this.#yaml.slice(start, node.range?.[1] ?? start).trim();
    if (/^\{[{%]/.test(source)) this.#taken(start, source.slice(0, 2), "for the beginning of a map");
    const deeper = depth < DEEPEST;
    if (isMap(node))
      return { kind: "map", entries: deeper ? this.#entries(node.items as Pairs, start, depth) : [], line, source };
    if (isSeq(node))
      return { kind: "list", items: deeper ? this.#items(node.items as Node[], start, depth) : [], line, source };
    return { kind: "text", text: "", line };
  }

  #entries(pairs: Pairs, start: number, depth: number): Entry[] {
    let end = start;
    const entries: Entry[] = [];
    for (const { key, value } of pairs) {
      const keyStart = key === null ? end : this.#startOf(end, key);
      const name = key === null ? null : this.#value(key, end, DEEPEST);
      end = key?.range?.[1] ?? end;
      if (name?.kind !== "text") {
        this.#report(keyStart, `expected a name and a colon, got ${this.#shownLine(keyStart)}`, EXPECTED);
        continue;
      }
      const empty: Text = { kind: "text", text: "", line: name.line };
      entries.push({ key: name, value: value === null ? empty : this.#value(value, end, depth + 1) });
      end = value?.range?.[1] ?? end;
    }
    return entries;
  }

  #items(nodes: Node[], start: number, depth: number): Value[] {
    let end = start;
    return nodes.map((node) => {
      const value = this.#value(node, end, depth + 1);
      end = node.range?.[1] ?? end;
      return value;
    });
  }

  /** Where the author began to write the node. Its tag or anchor is part of it. */
  #startOf(end: number, node: Node | null): number {
    const from = node?.range?.[0] ?? end;
    return from <= end ? from : end + (GAP.exec(this.#yaml.slice(end, from))?.[0].length ?? 0);
  }

  #text(node: Scalar): string {
    const text = typeof node.value === "string" ? node.value : "";
    const [start, end] = node.range ?? [0, 0];
    if (node.type === "PLAIN") this.#refuseComment(start, end);
    else if (node.type === "QUOTE_DOUBLE" || node.type === "QUOTE_SINGLE") this.#quotes.set(end, start);
    else return this.#block(text, start);
    // Only an escape in double quotes can say so: the file itself is sound.
    const problem = textProblem(text);
    const hint = text.isWellFormed() ? "leave it out" : "write the character itself, or both of its halves";
    if (problem !== null) this.#report(start, `${this.#keyOf(start)}the text ${problem}`, hint);
    return text;
  }

  #refuseComment(start: number, end: number): void {
    const comment = /^[ \t]*(#.*)$/.exec(this.#restOfLine(end))?.[1]?.trimEnd();
    if (comment !== undefined)
      this.#taken(start, comment, "for a comment", ", or put the comment on a line of its own");
  }

  #block(text: string, start: number): string {
    const [, sign = "", comment = ""] = /^([|>][-+0-9]*)[ \t]*(.*)$/.exec(this.#restOfLine(start)) ?? [];
    if (comment !== "") this.#taken(start, comment.trimEnd(), "for a comment");
    else if (text.trim() === "") this.#taken(start, sign, "for the beginning of a text on the lines below");
    return text.replace(/\n+$/, "");
  }

  #taken(start: number, what: string, forWhat: string, otherwise = ""): void {
    this.#report(
      start,
      `${this.#keyOf(start)}YAML takes ${shown(what)} ${forWhat}`,
      this.#quoteHint(start) + otherwise,
    );
  }

  /** What a message about the value at `start` begins with: its key and a colon; empty, when it has none on its line. */
  #keyOf(start: number): string {
    const key = /^\s*(?:-[ \t]+)?([^\s:#"'{[-][^:]*):[ \t]+$/.exec(this.#before(start))?.[1];
    return key === undefined ? "" : `${key}: `;
  }

  #report(offset: number, message: string, hint: string): void {
    this.problems.push({ offset, message, hint });
  }

  /** Explains an error of the YAML parser to people who do not know YAML. `message` is the parser's. */
  #explain(code: string, message: string, offset: number): void {
    const got = this.#shownLine(offset);
    const quote = /closing ["']/.test(message) ? this.#quotes.get(offset) : undefined;
    if (code === "DUPLICATE_KEY") this.#report(offset, `${got} is given a second time`, "keep one of the two lines");
    else if (code === "TAB_AS_INDENT")
      this.#report(offset, "a tab begins the line, where YAML takes spaces only", "write spaces instead");
    else if (code === "MULTIPLE_DOCS")
      this.#report(offset, "YAML takes a line of ... for the end of the settings", "remove that line");
    else if (code === "RESOURCE_EXHAUSTION")
      this.#report(0, "the front matter is nested too deeply", "write one setting a line, such as subject: Hello");
    else if (code === "BAD_DQ_ESCAPE")
      this.#report(
        offset,
        `in double quotes a backslash is more than itself: ${got}`,
        "write it twice, or use single quotes",
      );
    else if (quote !== undefined)
      this.#report(
        quote,
        `the quote is not closed in ${this.#shownLine(quote)}`,
        `close it, or ${this.#quoteHint(quote)}`,
      );
    else if (/directives-end/.test(message))
      this.#report(0, "YAML takes a line that begins with % for a directive", "remove that line");
    else this.#unreadable(code, offset, got);
  }

  #unreadable(code: string, offset: number, got: string): void {
    const [, head, value = ""] = HEAD.exec(this.#lineOf(offset)) ?? [];
    if (head === undefined) return this.#report(offset, `expected a name and a colon, got ${got}`, EXPECTED);
    const start = this.#lineStart(offset) + head.length;
    const isNested = code.endsWith("_IMPLICIT_KEY") && !/:(?:\s|$)|^[?-]\s/.test(value);
    if (code === "BAD_INDENT" || isNested || offset < start)
      this.#report(
        offset,
        `YAML cannot read ${got} and the lines around it`,
        "begin all settings of a level in the same column",
      );
    else this.#report(offset, `YAML cannot read ${got}`, this.#quoteHint(start));
  }

  /**
   * The hint to use quotes, with the line to write unless it is long or has other values. The quotes go around
   * everything after the key.
   */
  #quoteHint(at: number): string {
    const head = HEAD.exec(this.#lineOf(at))?.[1];
    const start = head === undefined ? at : Math.min(at, this.#lineStart(at) + head.length);
    const before = this.#before(start).trim();
    const rest = this.#restOfLine(start).trim();
    const alone = start === at || !/[[{]/.test(this.#yaml.slice(start, at));
    const fits = alone && rest !== "" && before.length + rest.length <= MOST_SUGGESTED;
    return fits ? `put the value in quotes: ${`${before} ${yamlQuoted(rest)}`.trim()}` : "put the value in quotes";
  }

  /** Where the value begins on the line of `offset`. */
  #valueStart(offset: number): number {
    return this.#lineStart(offset) + (HEAD.exec(this.#lineOf(offset))?.[1]?.length ?? 0);
  }

  #word(start: number): string {
    return /^\S*/.exec(this.#restOfLine(start))?.[0] ?? "";
  }

  #shownLine(offset: number): string {
    return shown(this.#lineOf(offset).trim());
  }

  #lineOf(offset: number): string {
    return this.#restOfLine(this.#lineStart(offset));
  }

  #lineStart(offset: number): number {
    return offset === 0 ? 0 : this.#yaml.lastIndexOf("\n", offset - 1) + 1;
  }

  #before(offset: number): string {
    return this.#yaml.slice(this.#lineStart(offset), offset);
  }

  #restOfLine(offset: number): string {
    const end = this.#yaml.indexOf("\n", offset);
    return this.#yaml.slice(offset, end < 0 ? undefined : end).replace(/\r$/, "");
  }
}

type Pairs = { key: Node | null; value: Node | null }[];
