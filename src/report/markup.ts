import { printable } from "../printable.ts";

/** HTML that may go onto a page as it is: made by `html` and `trusted` only. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Part = string | number | Markup | null | readonly Part[];

/**
 * HTML in which every value is escaped, for text and for quoted attributes alike, unless it is Markup. Lists are written
 * one after the other, null as nothing. Characters nobody sees are made visible, so that no name can turn the text around.
 */
export function html(strings: TemplateStringsArray, ...values: Part[]): Markup {
  return new Markup(strings.reduce((text, string, index) => text + written(values[index - 1] ?? null) + string));
}

/** What we wrote ourselves. Never a value that came from outside. */
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
