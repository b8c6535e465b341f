/** Writes the text of one recipient from an executed text template (subject, header, path, text part). */
import { addressAt, addressInText, escapeFor, IN_TEXT, type Place } from "./escape.ts";
import type { Traced } from "../liquid/tracer.ts";
import { marksIn } from "./value-mark.ts";

/** Tells the place of a value by the text before it and the one or two characters after it. */
export type PlaceRule = (before: string, after: string) => Place;

/** For plain text: values are written as they are. */
export const ANYWHERE: PlaceRule = () => IN_TEXT;

/** For a template that is an address. */
export const AN_ADDRESS: PlaceRule = (before, after) => inAddress(addressAt(before, after));

/** For running text, where mail programs make links of addresses. */
export const RUNNING_TEXT: PlaceRule = (before, after) => inAddress(addressInText(before, after));

/** For a header of addresses in angle brackets (RFC 2369). */
export const BRACKETED_ADDRESSES: PlaceRule = (before, after) => {
  const open = /<([^<>]*)$/.exec(before)?.[1];
  return inAddress(open === undefined ? null : addressAt(open, after));
};

function inAddress(address: ReturnType<typeof addressInText>): Place {
  return address === null ? IN_TEXT : { in: "address", ...address, html: null, within: null };
}

type Piece = string | { place: Place; index: number };

/**
 * Returns a function that writes an executed template with its values. It remembers the last skeleton, because most
 * templates have the same one for everybody.
 */
export function createWriter(rule: PlaceRule): (traced: Traced) => string {
  let last: { skeleton: string; pieces: Piece[] } = { skeleton: "", pieces: [] };
  return ({ skeleton, values }) => {
    if (skeleton !== last.skeleton) last = { skeleton, pieces: piecesOf(skeleton, rule) };
    let written = "";
    for (const piece of last.pieces) {
      const value = typeof piece === "string" ? null : values[piece.index];
      written += typeof piece === "string" ? piece : value ? escapeFor(piece.place, value) : "";
    }
    return written;
  };
}

function piecesOf(skeleton: string, rule: PlaceRule): Piece[] {
  const pieces: Piece[] = [];
  let done = 0;
  for (const { start, end, index } of marksIn(skeleton)) {
    pieces.push(skeleton.slice(done, start), {
      place: rule(skeleton.slice(0, start), skeleton.slice(end, end + 2)),
      index,
    });
    done = end;
  }
  return [...pieces, skeleton.slice(done)];
}
