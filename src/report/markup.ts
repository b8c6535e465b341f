/** Builds HTML in which every value is escaped. */
import { printable } from "../printable.ts";

/** HTML that needs no escaping. Only `html` and `trusted` make it. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Part = string | number | Markup | null | readonly Part[];

/**
 * A template tag for HTML. It escapes every value that is not `Markup`, safe in text and in quoted attributes. Lists
 * are written one element after the other, null as nothing. Invisible characters are made visible, so that no name can
 * reverse the text.
 */
export function html(strings: TemplateStringsArray, ...values: Part[]): Markup {
  return new Markup(strings.reduce((text, string, index) => text + written(values[index - 1] ?? null) + string));
}

/** Marks text as HTML. Only for text of our own, never for a value from outside. */
export function trusted(text: string): Markup {
  return new Markup(text);
}

function written(part: Part): string {
  if (part === null) return "";
  if (part instanceof Markup) return part.text;
  if (typeof part === "object") return part.map(written).join("");
  return escaped(printable(String(part)));
}

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? "");
}
