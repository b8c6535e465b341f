/**
 * Finds mistakes in a template and explains them to its author. LiquidJS misses some of them, and its messages are
 * about its own parts.
 */
import { LiquidError } from "liquidjs";
import { UserError } from "../../errors.ts";
import { nearest } from "../../nearest.ts";
import { RenderProblem } from "../problem.ts";
import { TagReader } from "./expressions.ts";
import { foreignFilter } from "./foreign.ts";
import { checkCharacters, corrected, type Lexeme, lexemesOf, outsideQuotes, typographic } from "./lexer.ts";
import { Mistake, mistakeIn, type Tag } from "./mistake.ts";
import { spacedName } from "./names.ts";
import { tagsIn } from "./tags.ts";
import { shown, ValueProblem } from "./value-problem.ts";

/** The names of the tags and filters of an engine. */
export interface Known {
  tags: string[];
  filters: string[];
}

/** A block tag whose end has not been read yet. */
interface Block {
  name: string;
  tag: Tag;
  hasElse: boolean;
}

const BLOCKS = new Set(["if", "unless", "case", "for", "capture"]);
const SILENT = new Set(["raw", "comment"]);

/**
 * Throws `UserError` with `label` and line for the first mistake: text that is no Liquid, or that hardly means what its
 * author wants.
 */
export function checkMistakes(label: string, source: string, firstLine: number, known: Known): void {
  try {
    readTemplate(source, known);
  } catch (error) {
    throw error instanceof Mistake ? error.toUserError(label, source, firstLine) : error;
  }
}

function readTemplate(source: string, known: Known): void {
  const open: Block[] = [];
  for (const tag of tagsIn(source)) {
    if (tag.kind === "output") readOutput(tag, known);
    else readBlockTag(tag, open, known);
  }
  const left = open.at(-1);
  if (left) throw unclosed(left, source);
}

function unclosed({ name, tag }: Block, source: string): Mistake {
  const end = new RegExp(`\\{\\{\\s*end\\s*${name}\\s*\\}\\}|\\{ %\\s*end${name}|\\{%?\\s*end${name}\\s*%?\\}`).exec(
    source.slice(tag.index),
  );
  const before = source.slice(0, tag.index);
  const hidden = before.lastIndexOf("<!--") > before.lastIndexOf("-->") ? "; tags in HTML comments count, too" : "";
  const came = end && !SILENT.has(name) ? `; ${end[0]} is no tag` : "";
  return new Mistake(
    tag.index,
    `${shown(tag.text)} is not closed`,
    `write {% end${name} %} where it ends${came}${hidden}`,
  );
}

// Outputs ------------------------------------------------------------------------------------------------------------

const TAG_WORDS = /^(?:if|unless|elsif|elseif|else if|assign)\s|^for \S+ in\s/;
const LONE_TAGS = /^(?:else|elsif|elseif|end(?:if|for|unless|case|capture|raw|comment))$/;
const HANDLEBARS = /^[#/^]\s*(if|each|unless|with|foreach|for|else)\b\s*(.*)$/i;

function readOutput(tag: Tag, known: Known): void {
  const { content } = tag;
  if (content === "") throw mistakeIn(tag, tag.index, "no column", "write its name: {{ first_name }}");
  checkForeignTags(tag);
  const name = spacedName(tag.text);
  if (name === null) return new TagReader(tag, lexemesOf(tag), known.filters).value("output");
  checkCharacters(tag);
  if (/[“”„«»]|(?<![\p{L}\p{N}])[‘’‚]/u.test(outsideQuotes(content))) throw typographic(tag, tag.index);
  if (/[｜]/.test(name))
    throw mistakeIn(tag, tag.index, "unexpected ｜, a wide sign,", `write |: ${corrected(tag.text)}`);
  const rest = tag.text.indexOf(name) + name.length - (tag.contentIndex - tag.index);
  const filters = { ...tag, content: content.slice(rest), contentIndex: tag.contentIndex + rest };
  new TagReader(tag, lexemesOf(filters), known.filters).filters();
}

/** Refuses tags in the braces of outputs, as other systems write them. */
function checkForeignTags(tag: Tag): void {
  const { content } = tag;
  const handlebars = HANDLEBARS.exec(content);
  if (handlebars) {
    const [, name = "if", rest = ""] = handlebars;
    const own = name.toLowerCase().replace("foreach", "each");
    const begin =
      own === "each" ? `for item in ${rest || "items"}` : `${own === "with" ? "if" : own} ${rest || "column"}`;
    const hint = content.startsWith("/") ? `{% end${own === "each" ? "for" : own} %}` : `{% ${begin} %}`;
    throw mistakeIn(tag, tag.index, "a tag of Handlebars", `write ${hint}`);
  }
  if (content.startsWith("!"))
    throw mistakeIn(
      tag,
      tag.index,
      "unexpected !",
      "write {% comment %}…{% endcomment %} for a comment, {% unless vip %} for a condition",
    );
  if (/^&\s*\p{L}/u.test(content) && !/^&\w+;/.test(content))
    throw mistakeIn(
      tag,
      tag.index,
      "unexpected &",
      `write {{ ${content.slice(1).trim()} | raw }} for a column that holds HTML`,
    );
  if (content.startsWith(">"))
    throw mistakeIn(tag, tag.index, "unexpected >", "a part of another file cannot be taken in: copy its text here");
  if (TAG_WORDS.test(content) || LONE_TAGS.test(content))
    throw mistakeIn(
      tag,
      tag.index,
      "the braces of a column around a tag",
      `write {% ${content.replace(/^else ?if/, "elsif")} %}; a column of that name is {{ ["${content}"] }}`,
    );
}

// Tags ---------------------------------------------------------------------------------------------------------------

const OTHER_TAGS = new Map(
  Object.entries({
    elseif: "write {% elsif … %}",
    elif: "write {% elsif … %}",
    elsif: "write {% elsif … %}",
    end: "write {% endif %}, {% endfor %} or what it ends",
    fi: "write {% endif %}",
    endeach: "write {% endfor %}",
    next: "write {% endfor %}",
    set: 'write {% assign name = "…" %}',
    let: 'write {% assign name = "…" %}',
    var: 'write {% assign name = "…" %}',
    foreach: "write {% for item in items %}",
    each: "write {% for item in items %}",
    switch: "write {% case plan %}{% when … %}",
    default: "write {% else %}",
    echo: "write {{ name }}",
    print: "write {{ name }}",
    ifequal: "write {% if a == b %}",
    ifnot: "write {% unless … %}",
    note: "write {% comment %}",
    rem: "write {% comment %}",
    verbatim: "write {% raw %}",
    literal: "write {% raw %}",
    endverbatim: "write {% endraw %}",
  }),
);
const OTHER_FILES = new Set(
  "include render layout extends block endblock import partial section snippet template use".split(" "),
);

function readBlockTag(tag: Tag, open: Block[], known: Known): void {
  if (tag.content.startsWith("#")) return;
  const name = /^[\p{L}\p{N}_-]+/u.exec(tag.content)?.[0] ?? "";
  if (name === "") throw nameless(tag, known);
  const inner = open.at(-1);
  if (name.startsWith("end") && (BLOCKS.has(name.slice(3)) || SILENT.has(name.slice(3)))) return close(tag, name, open);
  if (["else", "elsif", "when"].includes(name)) return readBranch(tag, name, inner, known);
  if (!known.tags.includes(name)) throw unknownTag(tag, name, inner, known);
  if (SILENT.has(name)) open.push({ name, tag, hasElse: false });
  else readers[name]?.(readerOf(tag, name, known), open);
  if (BLOCKS.has(name)) open.push({ name, tag, hasElse: false });
}

function readerOf(tag: Tag, name: string, known: Known): TagReader {
  const [, gap = ""] = new RegExp(`^${name}(\\s*)`).exec(tag.content) ?? [];
  const from = name.length + gap.length;
  return new TagReader(
    tag,
    lexemesOf({ ...tag, content: tag.content.slice(from), contentIndex: tag.contentIndex + from }),
    known.filters,
  );
}

function nameless(tag: Tag, known: Known): Mistake {
  const slash = /^\/\s*(\w+)/.exec(tag.content)?.[1];
  if (slash !== undefined)
    return mistakeIn(tag, tag.index, "unexpected /", `write {% end${slash.replace(/^(?:for)?each$/, "for")} %}`);
  checkCharacters(tag);
  return mistakeIn(tag, tag.index, "no name of a tag", `the tags are ${listed(known.tags)}`);
}

function close(tag: Tag, name: string, open: Block[]): void {
  const inner = open.at(-1);
  const rest = tag.content.slice(name.length).trim();
  if (!inner)
    throw mistakeIn(
      tag,
      tag.index,
      `no {% ${name.slice(3)} %} is open`,
      `leave it out, or write {% ${name.slice(3)} … %} where it begins`,
    );
  if (inner.name !== name.slice(3))
    throw new Mistake(
      tag.index,
      `unexpected {% ${name} %} while ${shown(inner.tag.text)} is open`,
      `write {% end${inner.name} %} first`,
    );
  if (rest !== "") throw mistakeIn(tag, tag.index, `unexpected ${shown(rest)} behind ${name}`, `write {% ${name} %}`);
  open.pop();
}

function readBranch(tag: Tag, name: string, inner: Block | undefined, known: Known): void {
  const homes = { else: ["if", "unless", "case", "for"], elsif: ["if", "unless"], when: ["case"] }[name] ?? [];
  if (!inner || !homes.includes(inner.name)) {
    const where = inner ? ` in ${shown(inner.tag.text)}` : "";
    throw new Mistake(
      tag.index,
      `unexpected ${shown(tag.text)}${where}: no {% ${homes[0]} %} is open`,
      `write it between {% ${homes[0]} … %} and {% end${homes[0]} %}`,
    );
  }
  const rest = tag.content.slice(name.length).trim();
  if (name === "else" && rest !== "") {
    const condition = rest.replace(/^(?:if|when)\b\s*/, "");
    throw mistakeIn(
      tag,
      tag.index,
      "a condition behind else",
      `write {% ${inner.name === "case" ? "when" : "elsif"} ${corrected(condition)} %}`,
    );
  }
  if (inner.hasElse)
    throw new Mistake(
      tag.index,
      `unexpected ${shown(tag.text)} behind the {% else %} of ${shown(inner.tag.text)}`,
      "write it before {% else %}, which is the last",
    );
  if (name === "else") inner.hasElse = true;
  else if (name === "elsif") readerOf(tag, name, known).condition();
  else readWhen(readerOf(tag, name, known));
}

function readWhen(reader: TagReader): void {
  if (reader.done) throw reader.mistake("no value behind when", 'write {% when "gold" %}');
  do {
    if (["==", "!=", "<", ">", "<=", ">=", "contains", "not"].includes(reader.peek()?.text ?? ""))
      throw reader.mistake(
        `unexpected ${reader.peek()?.text} behind when`,
        "case asks for equal values only: write {% if %}",
      );
    reader.operand();
  } while (reader.take(",", "or"));
  if (reader.take("and"))
    throw reader.mistake("unexpected and behind when", 'write {% when "a", "b" %} for one of them');
  reader.end();
}

function unknownTag(tag: Tag, name: string, inner: Block | undefined, known: Known): Mistake {
  const end = /^end/i.test(name) && inner ? `write {% end${inner.name} %}` : undefined;
  const lower = known.tags.includes(name.toLowerCase()) ? `write ${name.toLowerCase()}, in small letters` : undefined;
  const other = OTHER_FILES.has(name.toLowerCase())
    ? "a part of another file cannot be taken in: copy its text here"
    : OTHER_TAGS.get(name.toLowerCase());
  const near = nearest(name, [
    ...known.tags,
    "else",
    "elsif",
    "when",
    "endif",
    "endfor",
    "endunless",
    "endcase",
    "endcapture",
  ]);
  const hint =
    lower ??
    other ??
    end ??
    (near === null
      ? `the tags are ${listed(known.tags)}; a column is written {{ ${name} }}`
      : `did you mean {% ${near} %}?`);
  return mistakeIn(tag, tag.index, `there is no tag ${JSON.stringify(name)}`, hint);
}

function listed(tags: string[]): string {
  return tags
    .filter((tag) => tag !== "#")
    .sort()
    .join(", ");
}

/** The readers of tags, for the text after the name. */
const readers: Record<string, (reader: TagReader, open: Block[]) => void> = {
  if: (reader) => reader.condition(),
  unless: (reader) => reader.condition(),
  case: (reader) => {
    if (reader.done) throw reader.mistake("no value behind case", "write {% case plan %}");
    reader.value("assign");
  },
  assign: readAssign,
  capture(reader) {
    const name = reader.peek();
    if (name?.kind !== "word" && name?.kind !== "text")
      throw reader.mistake("no name behind capture", "write {% capture greeting %}…{% endcapture %}");
    reader.operand();
    reader.end();
  },
  for: readFor,
  break: readJump,
  continue: readJump,
};

/** Outside of a loop, `break` and `continue` would end the mail. */
function readJump(reader: TagReader, open: Block[]): void {
  reader.end();
  if (!open.some(({ name }) => name === "for"))
    throw reader.mistake("no {% for %} around the tag", "write it between {% for … %} and {% endfor %}");
}

function readAssign(reader: TagReader): void {
  const example = 'write {% assign name = "…" %}';
  const name = reader.word();
  if (!name) throw reader.mistake("no name behind assign", example);
  const sign = reader.take("=");
  if (!sign) {
    const came: Lexeme | undefined = reader.peek();
    throw reader.mistake(came ? `unexpected ${came.text} instead of =` : "no =", example);
  }
  if (reader.done) throw reader.mistake("no value behind =", example);
  reader.value("assign");
}

function readFor(reader: TagReader): void {
  const example = "write {% for item in items %}";
  if (!reader.word() || !reader.take("in")) throw reader.mistake("no item, in and list behind for", example);
  if (reader.done) throw reader.mistake("no list behind in", example);
  if (reader.peek(1)?.text === ".." || (reader.peek()?.kind === "number" && /^\d+\.$/.test(reader.peek()?.text ?? "")))
    throw reader.mistake("a range without parentheses", "write {% for i in (1..3) %}");
  reader.operand();
  if (reader.peek()?.text === "|")
    throw reader.mistake(
      "a filter behind the list",
      'write it first: {% assign parts = tags | split: "," %}{% for part in parts %}',
    );
  while (!reader.done) {
    const word = reader.take("limit", "offset", "reversed");
    if (!word) {
      reader.take(",");
      if (["limit", "offset", "reversed"].includes(reader.peek()?.text ?? "")) continue;
      throw reader.mistake(
        `unexpected ${reader.peek()?.text ?? ","}`,
        "behind the list go limit: 3, offset: 2 and reversed",
      );
    }
    if (word.text === "reversed") continue;
    if (!reader.take(":")) throw reader.mistake(`no colon behind ${word.text}`, `write ${word.text}: 3`, word);
    reader.operand();
  }
}

// Errors of LiquidJS -------------------------------------------------------------------------------------------------

/**
 * The error for a template that LiquidJS refuses although no mistake was found. `firstLine` is the line of the file on
 * which it starts, from 1.
 */
export function unreadable(error: Error, label: string, firstLine: number): UserError {
  const line = firstLine - 1 + Number(/, line:(\d+)/.exec(error.message)?.[1] ?? 1);
  if (/limit exceeded/.test(error.message))
    return new UserError(`${label}: the template is too long, over the limit of 20 million characters`, "shorten it");
  const token = (error as { token?: { getText(): string } }).token?.getText() ?? "";
  const tag = /^\{[{%][\s\S]*?[%}]\}/.exec(token)?.[0] ?? token;
  return new UserError(
    `${label}, line ${line}: this cannot be read as Liquid: ${shown(tag)}`,
    "write it as docs/content.md shows; braces that are no template stand between {% raw %} and {% endraw %}",
  );
}

/** The reason in an error of LiquidJS why a row cannot be rendered. Any other error is thrown again. */
export function renderProblem(error: unknown): RenderProblem {
  if (!LiquidError.is(error)) throw error;
  return renderProblemOf(error, (error as LiquidError & { token: { getText(): string } }).token.getText());
}

/** The reason in an error that was thrown while `tag` was carried out, by LiquidJS or by one of our filters. */
export function renderProblemOf(error: unknown, tag: string): RenderProblem {
  const cause: unknown = LiquidError.is(error)
    ? ((error as { originalError?: unknown }).originalError ?? error)
    : error;
  if (cause instanceof ValueProblem) return cause.at(tag);
  if (cause instanceof RenderProblem) return cause;
  if (error instanceof Error && /limit exceeded/.test(error.message))
    return new RenderProblem(
      `${shown(tag)}: the mail takes too long or gets too large to render, over the limit; use shorter loops or values`,
    );
  return new RenderProblem(`${shown(tag)}: a filter cannot work with this value; correct it in the list`);
}

// Names that are no columns ------------------------------------------------------------------------------------------

/** A hint for a name that is no column, when it looks like another language or a tag; else null. */
export function meantByName(name: string): string | null {
  const last = name.split(".").at(-1) ?? "";
  const call = /^([\w.]+)\((.*)\)$/.exec(name);
  if (call) {
    const own = foreignFilter((call[1] ?? "").split(".").at(-1) ?? "")?.name ?? "upcase";
    return `Liquid has no functions: write {{ ${call[2] || "name"} | ${own} }}`;
  }
  if (name.includes(".") && ["length", "count", "len"].includes(last))
    return `write ${name.slice(0, -last.length)}size`;
  if (/^\S+ [+*/-] \S+$/.test(name))
    return "Liquid calculates with filters: write {{ price | plus: 5 }}, or append for texts";
  if (/^(?:end|this|else)$/i.test(name)) return `a tag is written {% … %}: {% ${name === "end" ? "endif" : name} %}`;
  if (/^(?:true|false|null|none|nil)$/i.test(name)) return "true, false and nil are written in small letters";
  return null;
}
