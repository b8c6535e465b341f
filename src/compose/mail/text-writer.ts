/** From a text template with its control flow carried out to the text of one recipient. */
import { addressAt, addressInText, escapeFor, IN_TEXT, type Place } from "./escape.ts";
import type { Traced } from "../liquid/tracer.ts";
import { marksIn } from "./value-mark.ts";

/** Where a value stands, told by what stands before and (a little) behind it. */
export type PlaceRule = (before: string, after: string) => Place;

/** Values are written as they are. */
export const ANYWHERE: PlaceRule = () => IN_TEXT;

/** The template is an address. */
export const AN_ADDRESS: PlaceRule = (before, after) => inAddress(addressAt(before, after));

/** Running text: mail programs make links of the addresses in it. */
export const RUNNING_TEXT: PlaceRule = (before, after) => inAddress(addressInText(before, after));

/** A header of addresses in angle brackets (RFC 2369). */
export const BRACKETED_ADDRESSES: PlaceRule = (before, after) => {
  const open = /<([^<>]*)$/.exec(before)?.[1];
  return inAddress(open === undefined ? null : addressAt(open, after));
};

function inAddress(address: ReturnType<typeof addressInText>): Place {
  return address === null ? IN_TEXT : { in: "address", ...address, html: null, within: null };
}

type Piece = string | { place: Place; index: number };

/** Writes what templates of one kind come to. Most have the same skeleton for everybody; the last one is remembered. */
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
