/**
 * Makes mails of executed templates. A mail depends on the author's text and on the values, but the slow work
 * (Markdown, styles, text part) depends only on the author's text. It is done once for a *shape*: a mail with marks in
 * the places of its values. The mail of one recipient is the pieces of the shape with the values between them.
 *
 * Some values become part of the shape: those that affect styles or structure, and those that read differently in the
 * text part than in the HTML (white space at the ends, invisible characters). So the result is always the same as
 * rendering the whole mail first; a test compares the two.
 */
import { LRUCache } from "lru-cache";
import { type MailFile, type Pieces, wholeText } from "../../message.ts";
import { escapeFor, escapeHtml, IN_HTML, plainFor } from "./escape.ts";
import type { Traced } from "../liquid/tracer.ts";
import type { Inlined } from "./pictures.ts";
import { placesIn, type ValuePlace } from "./places.ts";
import { insertPreheader } from "./preheader.ts";
import { SEEN } from "../text/lines.ts";
import {
  cutAtPlaces,
  hasMark,
  LINK_MARKS,
  type Marked,
  marksIn,
  type PartName,
  placeMark,
  type Value,
} from "./value-mark.ts";

/** The templates of one mail, executed: conditions and loops are resolved, values are still marks. */
export interface Draft {
  body: Traced;
  preheader: Traced | null;
  /** The title of the page; only for Markdown. */
  title: Traced | null;
}

/**
 * The functions that turn the author's text into a mail. Each depends only on its arguments; null: the step is left
 * out.
 */
export interface Tools {
  /** Makes a whole page of Markdown; `title` is HTML. */
  markdown: ((markdown: string, title: string) => string) | null;
  inlineStyles: ((html: string) => string) | null;
  /** Derives the text part. `link` writes a link with this text and this address. */
  textOf: ((html: string, link?: (text: string, address: string) => string) => string) | null;
  writeLink: (text: string, address: string) => string;
  /** Makes local pictures files of the mail. */
  inlinePictures: ((html: string) => Inlined) | null;
}

/** Text of the author, or a place for a value. */
type Piece = string | ValuePlace;

/** A link with a value in it is kept apart, because its text and its address decide together how it is written. */
type TextPiece = Piece | { text: TextPiece[]; address: TextPiece[] };

/** A text with holes between its pieces: one less than there are pieces. */
interface Holed<Hole> {
  fixed: readonly string[];
  holes: readonly Hole[];
}

/** A link with values in it. */
type TextHole = Exclude<TextPiece, string>;

/** A mail with places for the values of one recipient. */
export interface Shape {
  html: Holed<ValuePlace>;
  /** Null: the text part is not derived. */
  text: Holed<TextHole> | null;
  /** The pictures that all mails of this shape show. */
  files: MailFile[];
  /** True: other pictures depend on values, and are found when the mail is filled in. */
  isOpen: boolean;
}

/** The bodies of one mail, final but for tracking. */
export interface Composed {
  html: string | Pieces;
  /** The text part; null when it is not derived. */
  text: Pieces | null;
  /** The pictures that the HTML shows. */
  files: MailFile[];
}

interface Plan {
  draft: { skeleton: string; preheader: string; title: string };
  html: string;
  places: ValuePlace[];
  /** The estimated size in characters, for the cache. */
  size: number;
  /** The shape for recipients whose values are all plain; null until it is needed. */
  shape: Shape | null;
}

/**
 * The most characters of all plans and shapes that are kept, for all contents together. A template usually has a
 * handful. When every mail has a shape of its own, keeping them does not help.
 */
const MOST_KEPT = 24_000_000;

const plans = new LRUCache<string, Plan>({ maxSize: MOST_KEPT / 2, sizeCalculation: ({ size }) => size });
const shapes = new LRUCache<string, { shape: Shape; size: number }>({
  maxSize: MOST_KEPT / 2,
  sizeCalculation: ({ size }, key) => size + key.length,
});

let composers = 0;

/**
 * Composes the mails of one content, and keeps their shapes. Its methods throw what the tools throw: `UserError` for
 * HTML or CSS beyond their limits.
 */
export class Composer {
  readonly #tools: Tools;
  readonly #id = `${++composers} `;
  #last: Plan | null = null;

  constructor(tools: Tools) {
    this.#tools = tools;
  }

  compose(draft: Draft): Composed {
    const plan = this.#planOf(draft);
    return fill(this.#shapeOf(plan, draft), draft, this.#tools);
  }

  /** The shape of this mail: the pieces that it shares with the mails of other recipients. */
  shapeOf(draft: Draft): Shape {
    return this.#shapeOf(this.#planOf(draft), draft);
  }

  /**
   * Composes without sharing: every value is in its place before the tools run. Slow; tests use it to check `compose`.
   */
  composePlainly(draft: Draft): Composed {
    const plan = this.#plan(draft);
    return fill(
      this.#build(plan, draft, () => true),
      draft,
      this.#tools,
    );
  }

  #planOf(draft: Draft): Plan {
    if (this.#last !== null && isOf(this.#last, draft)) return this.#last;
    const key = this.#id + JSON.stringify([draft.body, draft.preheader, draft.title].map((part) => part?.skeleton));
    let plan = plans.get(key);
    if (plan === undefined) plans.set(key, (plan = this.#plan(draft)));
    return (this.#last = plan);
  }

  #plan({ body, preheader, title }: Draft): Plan {
    const { markdown } = this.#tools;
    const html = markdown === null ? body.skeleton : markdown(body.skeleton, escapeHtml(title?.skeleton ?? ""));
    return {
      draft: { skeleton: body.skeleton, preheader: preheader?.skeleton ?? "", title: title?.skeleton ?? "" },
      html,
      places: placesIn(html),
      size: 4 * (html.length + body.skeleton.length) + 1_000,
      shape: null,
    };
  }

  #shapeOf(plan: Plan, draft: Draft): Shape {
    const fixed = plan.places.filter((place) => isFixed(place, valueOf(draft, place)));
    if (fixed.length === 0) return (plan.shape ??= this.#build(plan, draft, () => false));
    const values = fixed.map((place) => `${place.start}=${valueOf(draft, place).text}`);
    const { skeleton, preheader, title } = plan.draft;
    // Values may have any character, so only JSON separates them safely.
    const key = this.#id + JSON.stringify([skeleton, preheader, title, values]);
    const known = shapes.get(key);
    if (known) return known.shape;
    const inShape = new Set(fixed);
    const shape = this.#build(plan, draft, (place) => inShape.has(place));
    shapes.set(key, { shape, size: plan.size });
    return shape;
  }

  #build(plan: Plan, draft: Draft, isInShape: (place: ValuePlace) => boolean): Shape {
    const { inlineStyles, textOf, inlinePictures } = this.#tools;
    const places: ValuePlace[] = [];
    const write = (place: ValuePlace) =>
      isInShape(place) ? escapeFor(place.place, valueOf(draft, place)) : placeMark(places.push(place) - 1);
    const whole = replaceMarks(plan.html, plan.places, write);
    const html = inlineStyles === null ? whole : inlineStyles(whole);
    const text = textOf === null ? null : textOf(html, (said, address) => this.#link(said, address));
    const preheader = draft.preheader && escapeHtml(draft.preheader.skeleton);
    const withPreheader =
      preheader === null ? html : insertPreheader(html, replaceMarks(preheader, marksIn(preheader).map(inHtml), write));
    const inlined = inlinePictures?.(withPreheader) ?? { html: withPreheader, files: [], isOpen: false };
    return {
      ...inlined,
      html: holed(htmlPieces(inlined.html, places)),
      text: text === null ? null : holed(textPieces(text, places)),
    };
  }

  #link(text: string, address: string): string {
    if (!hasMark(text) && !hasMark(address)) return this.#tools.writeLink(text, address);
    return LINK_MARKS.start + text + LINK_MARKS.address + address + LINK_MARKS.end;
  }
}

function isOf({ draft }: Plan, { body, preheader, title }: Draft): boolean {
  return (
    draft.skeleton === body.skeleton &&
    draft.preheader === (preheader?.skeleton ?? "") &&
    draft.title === (title?.skeleton ?? "")
  );
}

function inHtml(mark: Marked): ValuePlace {
  return { ...mark, place: IN_HTML, structural: false, sheets: null };
}

const NOTHING: Value = { kind: "value", text: "" };

function valueOf(draft: Draft, { part, index }: { part: PartName; index: number }): Value {
  const traced = part === "body" ? draft.body : part === "title" ? draft.title : draft.preheader;
  return traced?.values[index] ?? NOTHING;
}

/** A faster test for nearly all values that `PLAIN` accepts. */
const PLAIN_ASCII = /^[!-~]+(?: [!-~]+)*$/;

/**
 * Words with single spaces between them and nothing invisible. Such a value reads the same in text and in HTML, where
 * white space collapses.
 */
const PLAIN =
  /^[^\s\p{C}\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0]+(?: [^\s\p{C}\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0]+)*$/u;

/** Whether the value becomes part of the shape. */
function isFixed({ place, structural, sheets, part }: ValuePlace, { kind, text }: Value): boolean {
  if (part === "title") return false;
  if (structural || !(PLAIN_ASCII.test(text) || (PLAIN.test(text) && SEEN.test(text)))) return true;
  if (sheets && namesIn(sheets, text)) return true;
  // When an address begins with the value, only the value tells whether the link leads out of the mail.
  if (place.in === "address") return place.start && !/^https?:\/\//i.test(text);
  return kind === "markup" && text.includes("&");
}

/** Whether one of these names occurs in the style sheets. */
function namesIn(sheets: string, names: string): boolean {
  return names
    .toLowerCase()
    .split(" ")
    .some((name) => sheets.includes(name));
}

function replaceMarks(text: string, places: ValuePlace[], write: (place: ValuePlace) => string): string {
  let replaced = "";
  let done = 0;
  for (const place of places) {
    replaced += text.slice(done, place.start) + write(place);
    done = place.end;
  }
  return replaced + text.slice(done);
}

function htmlPieces(html: string, places: ValuePlace[]): Piece[] {
  return cutAtPlaces(html)
    .filter((piece) => piece !== "")
    .map((piece) => (typeof piece === "string" ? piece : placeOf(places, piece.place)));
}

function placeOf(places: ValuePlace[], index: number): ValuePlace {
  const place = places[index];
  if (place === undefined) throw new Error(`there is no place ${index} in this mail`);
  return place;
}

/** In invalid HTML links may be nested. */
function textPieces(text: string, places: ValuePlace[]): TextPiece[] {
  const root: TextPiece[] = [];
  const open: { outer: TextPiece[]; link: { text: TextPiece[]; address: TextPiece[] } }[] = [];
  let current = root;
  for (const piece of cutAtPlaces(text)) {
    const link = open.at(-1)?.link;
    if (piece === LINK_MARKS.start) {
      open.push({ outer: current, link: { text: [], address: [] } });
      current = open.at(-1)?.link.text ?? root;
    } else if (piece === LINK_MARKS.address && link) current = link.address;
    else if (piece === LINK_MARKS.end && link) {
      current = open.pop()?.outer ?? root;
      current.push(link);
    } else if (typeof piece !== "string") current.push(placeOf(places, piece.place));
    else if (piece !== "") current.push(piece);
  }
  return root;
}

/** Cuts pieces into those of the author and those of a recipient, in turn. */
function holed<Hole extends object>(pieces: readonly (string | Hole)[]): Holed<Hole> {
  const fixed: string[] = [];
  const holes: Hole[] = [];
  let open = "";
  for (const piece of pieces) {
    if (typeof piece === "string") open += piece;
    else {
      fixed.push(open);
      holes.push(piece);
      open = "";
    }
  }
  return { fixed: [...fixed, open], holes };
}

function fill(shape: Shape, draft: Draft, { writeLink, inlinePictures }: Tools): Composed {
  const { fixed, holes } = shape.html;
  const html = { fixed, values: holes.map((piece) => escapeFor(piece.place, valueOf(draft, piece))) };
  const text = shape.text && {
    fixed: shape.text.fixed,
    values: shape.text.holes.map((hole) => fillHole(hole, draft, writeLink)),
  };
  if (!shape.isOpen || inlinePictures === null) return { html, text, files: shape.files };
  const inlined = inlinePictures(wholeText(html));
  const known = new Set(shape.files.map(({ contentId }) => contentId));
  const others = inlined.files.filter(({ contentId }) => !known.has(contentId));
  return { html: inlined.html, text, files: [...shape.files, ...others] };
}

function fillText(pieces: TextPiece[], draft: Draft, writeLink: Tools["writeLink"]): string {
  return pieces.map((piece) => (typeof piece === "string" ? piece : fillHole(piece, draft, writeLink))).join("");
}

function fillHole(hole: TextHole, draft: Draft, writeLink: Tools["writeLink"]): string {
  if ("place" in hole) return plainFor(hole.place, valueOf(draft, hole));
  return writeLink(fillText(hole.text, draft, writeLink), fillText(hole.address, draft, writeLink));
}
