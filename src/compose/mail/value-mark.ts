/**
 * The words that stand for a recipient's values while tools that know only HTML, CSS or Markdown are at work. A mark is letters and digits
 * alone, so that nothing is escaped, encoded or broken in it. It begins with random letters: no author and no list can write one.
 */
import { randomBytes } from "node:crypto";

/** `value`: as the list has it. `encoded`: percent-encoded by the author. `markup`: written with `| raw`, and without a character of markup. */
export type ValueKind = "value" | "encoded" | "markup";

/** A value of a template, where the author put it. */
export interface Value {
  kind: ValueKind;
  text: string;
}

const KINDS: Record<string, ValueKind> = { v: "value", e: "encoded", m: "markup" };
const LETTERS: Record<ValueKind, string> = { value: "v", encoded: "e", markup: "m" };

/** The templates of which a mail is put together: each numbers its values for itself. */
export type PartName = "body" | "preheader" | "title" | "text";

const PARTS: Record<string, PartName> = { b: "body", p: "preheader", t: "title", x: "text" };
const PART_LETTERS: Record<PartName, string> = { body: "b", preheader: "p", title: "t", text: "x" };

/** 80 random bits, as 20 of the letters a to p. */
const WORD = `zq${[...randomBytes(20)].map((byte) => String.fromCharCode(97 + (byte % 16))).join("")}q`;

/** The mark of the value with this number, in this template. */
export function markOf(part: PartName, kind: ValueKind, index: number): string {
  return `${WORD}${PART_LETTERS[part]}${LETTERS[kind]}${index}z`;
}

/** A mark with the number of a place, of which one value may have several. */
export function placeMark(place: number): string {
  return `${WORD}h${place}z`;
}

/** Around a link of which only the values tell how it is written: before its text, before its address, behind it. */
export const LINK_MARKS = { start: `${WORD}sz`, address: `${WORD}az`, end: `${WORD}nz` } as const;

const MARK = new RegExp(`${WORD}([bptx])([vem])(\\d+)z`, "g");
const PLACE_MARK = new RegExp(`(${WORD}(?:h\\d+|[san])z)`);
const PLACE = new RegExp(`^${WORD}h(\\d+)z$`);

/** True when the text holds a mark of any kind. */
export function hasMark(text: string): boolean {
  return text.includes(WORD);
}

export interface Marked {
  part: PartName;
  kind: ValueKind;
  /** Which value of its part. */
  index: number;
  /** Where the mark stands. */
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

/** A text cut at the marks of places and links: what is author's text, the numbers of places, and the marks of links. */
export function cutAtPlaces(text: string): (string | { place: number })[] {
  return text.split(PLACE_MARK).map((piece) => {
    const place = PLACE.exec(piece)?.[1];
    return place === undefined ? piece : { place: Number(place) };
  });
}
