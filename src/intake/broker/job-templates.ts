/** Finds the templates that jobs of Redis name: in the store, in a folder, or in Redis itself. */
import { access } from "node:fs/promises";
import { join } from "node:path";
import { LRUCache } from "lru-cache";
import { readTemplateFile, readTemplateText } from "../../compose/content/template-source.ts";
import { UserError } from "../../errors.ts";
import type { Content } from "../../message.ts";
import type { Template } from "../../store/rows.ts";
import type { Templates } from "../../store/store.ts";
import type { Clock } from "../../time/clock.ts";
import { createTemplateShelf, type TemplateShelf } from "../templates.ts";

/** The variable that stands for the subject of a job. */
export const JOB_SUBJECT = "job_subject";

/** Said of a template that is nowhere else, where Redis cannot be asked: it may be there. */
export const REDIS_NOT_ASKED = "; Redis is not asked without --redis";

/** No name of a job has it. */
const MARK = "\u0000";

/** How long a template that is not in the store is kept before it is read again, and how long we remember that there is none. */
const KEPT_MS = 60_000;
const MISSED_MS = 5_000;
/** Most templates that are kept, and most characters of their texts together. */
const MOST_KEPT = 200;
const MOST_CHARACTERS = 32 * 1024 * 1024;

/** Where templates are looked for, in this order. */
export interface JobTemplateSources {
  store: Pick<Templates, "template" | "templates">;
  /** The folder with `<name>.html`, absolute; null: there is none. */
  folder: string | null;
  /** The text of a template in Redis, or why it is none; null: there is nothing. Not set: nobody is asked. */
  remote?(name: string): Promise<string | { problem: string } | null>;
  /** True: Redis has templates that nobody can ask for here, and who misses one is told so with `REDIS_NOT_ASKED`. */
  isRedisMissing?: boolean;
  /** The sender of templates that name none. */
  from: string;
  clock: Pick<Clock, "monotonic">;
}

/** The name under which the shelf has this template with the subject of a job in place of its own. */
export function withJobSubject(name: string): string {
  return name + MARK;
}

/**
 * Makes the shelf of the templates that jobs name. Templates of the store are looked up each time; others are kept for 60 s. One that
 * cannot be read is a problem of those who name it. Rejects when the store or Redis cannot be asked, with UserError when the
 * address of Redis is wrong.
 */
export function createJobTemplates(sources: JobTemplateSources): TemplateShelf {
  const { compiled } = createTemplateShelf(sources.store);
  const outside = createOutside(sources);
  return {
    compiled,
    async find(wanted) {
      const isOverruled = wanted.endsWith(MARK);
      const name = isOverruled ? wanted.slice(0, -MARK.length) : wanted;
      const kept = await sources.store.template(name.normalize("NFC"));
      if (kept === null) return (await outside(name, isOverruled)) ?? { problem: unknownTemplate(name, sources) };
      return isOverruled ? overruled(kept) : kept;
    },
  };
}

function overruled(template: Template): Template {
  const content = { ...template.content, subject: `{{ ${JOB_SUBJECT} }}` };
  return { ...template, name: withJobSubject(template.name), content };
}

function unknownTemplate(name: string, { folder, remote, isRedisMissing }: JobTemplateSources): string {
  const places = ["the store", ...(folder === null ? [] : ["--templates"]), ...(remote ? ["Redis"] : [])];
  const listed = places.length === 1 ? "the store" : `${places.slice(0, -1).join(", ")} or ${places.at(-1)}`;
  return `there is no template ${JSON.stringify(name)} in ${listed}${isRedisMissing === true ? REDIS_NOT_ASKED : ""}`;
}

type Found = Template | { problem: string } | null;

/** Reads templates that are not in the store, each at most once in a while. */
function createOutside(sources: JobTemplateSources): (name: string, isOverruled: boolean) => Promise<Found> {
  const kept = new LRUCache<string, { found: Found; until: number }>({ max: MOST_KEPT, maxSize: MOST_CHARACTERS });
  const versions = createVersions();
  return async (name, isOverruled) => {
    const key = isOverruled ? withJobSubject(name) : name;
    const known = kept.get(key);
    const now = sources.clock.monotonic();
    if (known !== undefined && now < known.until) return known.found;
    const content = await readOutside(name, isOverruled, sources);
    const found = content === null || "problem" in content ? content : versions(key, content);
    const isThere = found !== null && !("problem" in found);
    const size = isThere ? Math.min(MOST_CHARACTERS, 1_000 + sizeOf(found.content)) : 1_000;
    kept.set(key, { found, until: now + (isThere ? KEPT_MS : MISSED_MS) }, { size });
    return found;
  };
}

function sizeOf({ html, text, attachments }: Content): number {
  return attachments.reduce((sum, { data }) => sum + data.length, html.length + text.length);
}

/** Numbers the contents of each name, because what is compiled is kept by name and version. */
function createVersions(): (name: string, content: Content) => Template {
  let last = 0;
  const current = new LRUCache<string, { text: string; template: Template }>({ max: MOST_KEPT });
  return (key, content) => {
    const text = JSON.stringify(content);
    const known = current.get(key);
    if (known?.text === text) return known.template;
    // No template of the store is as old.
    const template = { name: key, version: ++last, createdAt: 0, content };
    current.set(key, { text, template });
    return template;
  };
}

async function readOutside(
  name: string,
  isOverruled: boolean,
  sources: JobTemplateSources,
): Promise<Content | { problem: string } | null> {
  const overrides = isOverruled ? { subject: `{{ ${JOB_SUBJECT} }}` } : {};
  const envelope = { ...NO_ENVELOPE, from: sources.from };
  const file = await fileOf(name, sources.folder);
  const text = file === null ? ((await sources.remote?.(name)) ?? null) : "";
  if (text === null) return null;
  if (typeof text === "object") return { problem: cannotBeUsed(name, text.problem) };
  try {
    if (file !== null) return (await readTemplateFile({ file, overrides, envelope })).content;
    return (await readTemplateText({ content: text, format: "html", overrides, envelope })).content;
  } catch (error) {
    if (error instanceof UserError) return { problem: cannotBeUsed(name, error.message) };
    throw error;
  }
}

const cannotBeUsed = (name: string, why: string): string => `${JSON.stringify(name)} cannot be used: ${why}`;

/** Only the sender is filled in: the rest of the envelope is added to every template. */
const NO_ENVELOPE = {
  replyTo: [],
  headers: [],
  tags: [],
  configurationSet: null,
  unsubscribeUrl: null,
  unsubscribeMailto: null,
};

/** The file of a template in the folder, whatever its name is; null: there is none. No name leads out of the folder. */
async function fileOf(name: string, folder: string | null): Promise<string | null> {
  if (folder === null || /[/\\:]|^\./.test(name)) return null;
  const file = join(folder, `${name}.html`);
  return (await exists(file)) ? file : null;
}

async function exists(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch {
    return false;
  }
}
