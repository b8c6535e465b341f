/** Finds the templates that requests name, and keeps them compiled. */
import { LRUCache } from "lru-cache";
import type { CompiledTemplate } from "../compose/mail/posted-template.ts";
import { prepareTemplate } from "../compose/mail/tools.ts";
import type { Content } from "../message.ts";
import { nearest } from "../nearest.ts";
import type { Template } from "../store/rows.ts";
import type { Templates } from "../store/store.ts";

/** Bounds of the compiled templates that are kept. */
const MOST_KEPT = 200;
const MOST_BYTES = 32 * 1024 * 1024;

/** The templates of a store, as requests use them. */
export interface TemplateShelf {
  /** The current version of the template of this name; or why there is none, in one sentence that names the one that was meant. */
  find(name: string): Promise<Template | { problem: string }>;
  /**
   * The compiled content of a template. `base` is that content, with or without what the gateway adds to it.
   * Rejects with `UserError` for a content that cannot be sent to anybody.
   */
  compiled(template: Template, base: Content): Promise<CompiledTemplate>;
}

/** Opens the templates of a store. */
export function createTemplateShelf(store: Pick<Templates, "template" | "templates">): TemplateShelf {
  const kept = new LRUCache<string, CompiledTemplate>({ max: MOST_KEPT, maxSize: MOST_BYTES });
  return {
    async find(name) {
      const found = await store.template(name.normalize("NFC"));
      return found ?? { problem: await unknownTemplate(store, name) };
    },
    async compiled(template, base) {
      const key = keyOf(template, base);
      const found = kept.get(key);
      if (found !== undefined) return found;
      const compiled = await prepareTemplate(base);
      kept.set(key, compiled, { size: Math.min(MOST_BYTES, sizeOf(base)) });
      return compiled;
    },
  };
}

/** Says that there is no template of this name, and which one was probably meant. */
export async function unknownTemplate(store: Pick<Templates, "templates">, name: string): Promise<string> {
  const names = (await store.templates()).map((each) => each.name);
  const meant = nearest(name, names);
  const advice =
    meant === null ? (names.length === 0 ? "there are none yet" : "") : `did you mean ${JSON.stringify(meant)}?`;
  return `there is no template ${JSON.stringify(name)}${advice === "" ? "" : `: ${advice}`}`;
}

/** Everything that a compiled content depends on. A version never changes, so its long parts need not be compared. */
function keyOf({ name, version, createdAt }: Template, base: Content): string {
  const { html: _html, attachments: _attachments, text, ...head } = base;
  // Without the template's own text it is a placeholder.
  return JSON.stringify([name, version, createdAt, text.length, head]);
}

/** A rough size in memory, as in the cache of contents that are sent. */
function sizeOf({ html, text, attachments }: Content): number {
  return 12 * (html.length + text.length) + attachments.reduce((sum, { data }) => sum + data.length, 4_000);
}
