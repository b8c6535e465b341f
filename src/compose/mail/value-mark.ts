/**
 * Marks: words in the place of a recipient's values while the tools for HTML, CSS and Markdown run. A mark has only
 * letters and digits, so that no tool escapes, encodes or breaks it. It begins with random letters, so that no author
 * and no list can contain one.
 */
import { randomBytes } from "node:crypto";

/**
 * `value`: as it is in the list. `encoded`: percent-encoded by a filter of the template. `markup`: written with `|
 * raw`, without any character of markup.
 */
export type ValueKind = "value" | "encoded" | "markup";

/** A value that a template writes. */
export interface Value {
  kind: ValueKind;
  text: string;
}

const KINDS: Record<string, ValueKind> = { v: "value", e: "encoded", m: "markup" };
const LETTERS: Record<ValueKind, string> = { value: "v", encoded: "e", markup: "m" };

/** The templates of a mail. Each numbers its values for itself. */
export type PartName = "body" | "preheader" | "title" | "text";

const PARTS: Record<string, PartName> = { b: "body", p: "preheader", t: "title", x: "text" };
const PART_LETTERS: Record<PartName, string> = { body: "b", preheader: "p", title: "t", text: "x" };

/** 80 random bits, as 20 of the letters a to p. */
const WORD = `zq${[...randomBytes(20)].map((byte) => String.fromCharCode(97 + (byte % 16))).join("")}q`;

/** The mark of the value with this number, in this template. */
export function markOf(part: PartName, kind: ValueKind, index: number): string {
  return `${WORD}${PART_LETTERS[part]}${LETTERS[kind]}${index}z`;
}

/** The mark of a place, by number. A value may have several places. */
export function placeMark(place: number): string {
  return `${WORD}h${place}z`;
}

/**
 * Marks around a link that has values in it: before its text, before its address, and after it. The values decide how
 * it is written.
 */
export const LINK_MARKS = { start: `${WORD}sz`, address: `${WORD}az`, end: `${WORD}nz` } as const;

const MARK = new RegExp(`${WORD}([bptx])([vem])(\\d+)z`, "g");
const PLACE_MARK = new RegExp(`(${WORD}(?:h\\d+|[san])z)`);
const PLACE = new RegExp(`^${WORD}h(\\d+)z$`);

/** True when the text holds a mark of any kind. */
export function hasMark(text: string): boolean {
  return text.includes(WORD);
}

/** The mark of a value in a text. */
export interface Marked {
  part: PartName;
  kind: ValueKind;
  /** The number of the value in its part, from 0. */
  index: number;
  /** Where the mark begins and ends in the text. */
  start: number;
  end: number;
}

/** The marks of values in a text, in order. */
export function marksIn(text: string): Marked[] {
  const found: Marked[] = [];
  if (!hasMark(text)) return found;
  for (const match of text.matchAll(MARK)) {
    const [whole, part = "", kind = "", index = ""] = match;
    found.push({
      part: PARTS[part] ?? "body",
      kind: KINDS[kind] ?? "value",
      index: Number(index),
      start: match.index,
      end: match.index + whole.length,
    });
  }
  return found;
}

/** A text cut at the marks of places and links: the author's text and the marks of links as strings, places by number. */
export function cutAtPlaces(text: string): (string | { place: number })[] {
  return text.split(PLACE_MARK).map((piece) => {
    const place = PLACE.exec(piece)?.[1];
    return place === undefined ? piece : { place: Number(place) };
  });
}
