import { UserError } from "../errors.ts";
import { nearest } from "./nearest.ts";

/** The settings at the head of a content file, between two lines of `---`. */
export interface FrontMatter {
  subject?: string;
  from?: string;
  reply_to?: string[];
  topic?: string;
  configuration_set?: string;
  headers?: Record<string, string>;
  tags?: Record<string, string>;
  attachments?: string[];
  inline_images?: string;
  unsubscribe_url?: string;
  unsubscribe_mailto?: string;
  preheader?: string;
}

type Shape = "text" | "list" | "map";

const KEYS: Record<keyof FrontMatter, Shape> = {
  subject: "text",
  from: "text",
  reply_to: "list",
  topic: "text",
  configuration_set: "text",
  headers: "map",
  tags: "map",
  attachments: "list",
  inline_images: "text",
  unsubscribe_url: "text",
  unsubscribe_mailto: "text",
  preheader: "text",
};

const FENCED = /^---[ \t]*\r?\n([\s\S]*?)^---[ \t]*(?:\r?\n|$)/m;

/**
 * Cuts a content file into front matter and body; `bodyLine` is the 1-based line on which the body starts. Throws `UserError`
 * naming `name` and the line for YAML that cannot be read, unknown keys and values of the wrong kind.
 */
export async function splitFrontMatter(
  source: string,
  name: string,
): Promise<{ front: FrontMatter; body: string; bodyLine: number }> {
  if (!/^---[ \t]*\r?\n/.test(source)) return { front: {}, body: source, bodyLine: 1 };
  const match = FENCED.exec(source);
  if (!match || match.index !== 0)
    throw new UserError(`${name}: the front matter opened by --- is not closed`, "end it with a line of ---");
  const [fenced, yaml = ""] = match;
  return {
    front: checked(await parseYaml(yaml, name), name),
    body: source.slice(fenced.length),
    bodyLine: fenced.split("\n").length,
  };
}

/** Every scalar stays the text it is: a subject may be `2026` or `yes`. */
async function parseYaml(yaml: string, name: string): Promise<unknown> {
  const { parseDocument } = await import("yaml");
  const document = parseDocument(yaml, { schema: "failsafe", logLevel: "error" });
  const [error] = document.errors;
  if (error) {
    const line = 1 + (error.linePos?.[0].line ?? 1);
    const reason = error.message.split(/ at line |\n/, 1)[0] ?? "";
    throw new UserError(
      `${name}, line ${line}: the front matter is not YAML: ${reason}`,
      'put values that hold {{ }} or ": " in quotes',
    );
  }
  return document.toJS({ maxAliasCount: 100 });
}

function checked(parsed: unknown, name: string): FrontMatter {
  if (parsed === null || parsed === "") return {};
  if (!isMap(parsed)) throw new UserError(`${name}: the front matter expects lines like "subject: Hello"`);
  return Object.fromEntries(
    Object.entries(parsed).map(([key, value]) => {
      if (!isKey(key)) throw unknownKey(key, name);
      return [key, shaped(key, value, name)];
    }),
  );
}

function isKey(key: string): key is keyof FrontMatter {
  return Object.hasOwn(KEYS, key);
}

function unknownKey(key: string, name: string): UserError {
  const meant = nearest(key, Object.keys(KEYS));
  const suggestion = meant === null ? "" : `did you mean ${meant}? `;
  return new UserError(
    `${name}: the front matter has an unknown key ${JSON.stringify(key)}`,
    `${suggestion}it knows ${Object.keys(KEYS).join(", ")}`,
  );
}

function shaped(key: keyof FrontMatter, value: unknown, name: string): string | string[] | Record<string, string> {
  const shape = KEYS[key];
  if (shape === "text" && typeof value === "string") return value;
  if (shape === "list" && typeof value === "string") return value === "" ? [] : [value];
  if (shape === "list" && Array.isArray(value) && value.every((each) => typeof each === "string")) return value;
  if (shape === "map" && value === "") return {};
  if (shape === "map" && isMap(value)) {
    const wrong = Object.entries(value).find(([, each]) => typeof each !== "string");
    if (!wrong) return value as Record<string, string>;
    throw new UserError(
      `${name}: ${key}: ${wrong[0]} expects one text, got ${JSON.stringify(wrong[1])}`,
      "put values that hold {{ }} in quotes",
    );
  }
  const expected = { text: "a text", list: "a text or a list of texts", map: "a map, name: value" }[shape];
  throw new UserError(
    `${name}: ${key} expects ${expected}, got ${JSON.stringify(value)}`,
    "put values that hold {{ }} in quotes",
  );
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
