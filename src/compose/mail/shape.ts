/**
 * From templates with their control flow carried out to mails. What a reader gets depends on the author's text and on the values, but the work
 * (Markdown, styles, text part) depends on the author's text alone: it is done once for a *shape*, a mail with marks in the places of its
 * values. The mail of one recipient is the shape's pieces with his values between them.
 *
 * A value that decides about styles or structure, or that would read differently in the text part than in the HTML (white space at its ends,
 * invisible characters), is part of the shape. So the result is always what rendering the whole mail first would give; a test holds the two equal.
 */
import { LRUCache } from "lru-cache";
import type { MailFile } from "../../message.ts";
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

/** The templates of one mail with their control flow carried out. */
export interface Draft {
  body: Traced;
  preheader: Traced | null;
  /** The page's title, for Markdown. */
  title: Traced | null;
}

/** What turns author's text into a mail. Each is a pure function of its text. */
export interface Tools {
  /** A whole page from Markdown; the title is HTML. */
  markdown: ((markdown: string, title: string) => string) | null;
  inlineStyles: ((html: string) => string) | null;
  /** The text part, when it is derived. `link` decides how a link with this text and this address is written. */
  textOf: ((html: string, link?: (text: string, address: string) => string) => string) | null;
  writeLink: (text: string, address: string) => string;
  /** Local pictures become files of the mail. */
  inlinePictures: ((html: string) => Inlined) | null;
}

/** Text of the author, or the place of a value. */
type Piece = string | ValuePlace;

/** How a link reads depends on its text and its address, when a value is in one of them. */
type TextPiece = Piece | { text: TextPiece[]; address: TextPiece[] };

/** A mail but for the values of one recipient. */
export interface Shape {
  html: Piece[];
  /** Null: the text part is not derived. */
  text: TextPiece[] | null;
  /** Pictures that all of its mails show. */
  files: MailFile[];
  /** True: values decide about others, which are found when the mail is filled in. */
  isOpen: boolean;
}

export interface Composed {
  html: string;
  /** Null: not derived. */
  text: string | null;
  /** Pictures that the HTML shows. */
  files: MailFile[];
}

interface Plan {
  draft: { skeleton: string; preheader: string; title: string };
  html: string;
  places: ValuePlace[];
  /** The marks of the preheader, and those of the title. */
  size: number;
  /** Of the recipients whose values are all plain. */
  shape: Shape | null;
}

/** Characters of all plans and shapes that are kept, of all contents together. A template has a handful; one where each mail is its own kind has no use for them. */
const MOST_KEPT = 24_000_000;

const plans = new LRUCache<string, Plan>({ maxSize: MOST_KEPT / 2, sizeCalculation: ({ size }) => size });
const shapes = new LRUCache<string, { shape: Shape; size: number }>({
  maxSize: MOST_KEPT / 2,
  sizeCalculation: ({ size }, key) => size + key.length,
});

let composers = 0;

/** Composes the mails of one content. Throws what its tools throw: `UserError` for HTML or CSS beyond their limits. */
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

  /** The shape of this mail: the pieces that other recipients have in common with it. */
  shapeOf(draft: Draft): Shape {
    return this.#shapeOf(this.#planOf(draft), draft);
  }

  /** The plain way: every value is in its place before anything is made of the HTML. Slow; the measure of what is right. */
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
    // Values may hold any sign: nothing but JSON keeps them apart.
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
      html: htmlPieces(inlined.html, places),
      text: text === null ? null : textPieces(text, places),
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

/** Nearly every value: the test below would say the same of it, more slowly. */
const PLAIN_ASCII = /^[!-~]+(?: [!-~]+)*$/;

/** Words with single spaces between them, and nothing invisible: the same in HTML, where white space collapses, and in text. */
const PLAIN =
  /^[^\s\p{C}\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0]+(?: [^\s\p{C}\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0]+)*$/u;

/** Whether the value has to be part of the shape. */
function isFixed({ place, structural, sheets, part }: ValuePlace, { kind, text }: Value): boolean {
  if (part === "title") return false;
  if (structural || !(PLAIN_ASCII.test(text) || (PLAIN.test(text) && SEEN.test(text)))) return true;
  if (sheets && namesIn(sheets, text)) return true;
  // Of an address that begins with the value, only the value tells whether readers are led anywhere.
  if (place.in === "address") return place.start && !/^https?:\/\//i.test(text);
  return kind === "markup" && text.includes("&");
}

/** Whether a style sheet may know one of these names. */
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

/** Links may stand inside each other, as HTML that is wrong has them. */
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

/** Joined, not added: the pieces of a mail are long, and a string of strings would be copied once more when it is sent. */
function fill(shape: Shape, draft: Draft, { writeLink, inlinePictures }: Tools): Composed {
  const pieces = shape.html.map((piece) => {
    return typeof piece === "string" ? piece : escapeFor(piece.place, valueOf(draft, piece));
  });
  const html = pieces.join("");
  const text = shape.text && fillText(shape.text, draft, writeLink);
  if (!shape.isOpen || inlinePictures === null) return { html, text, files: shape.files };
  const inlined = inlinePictures(html);
  const known = new Set(shape.files.map(({ contentId }) => contentId));
  const others = inlined.files.filter(({ contentId }) => !known.has(contentId));
  return { html: inlined.html, text, files: [...shape.files, ...others] };
}

function fillText(pieces: TextPiece[], draft: Draft, writeLink: Tools["writeLink"]): string {
  const filled = pieces.map((piece) => {
    if (typeof piece === "string") return piece;
    if ("place" in piece) return plainFor(piece.place, valueOf(draft, piece));
    return writeLink(fillText(piece.text, draft, writeLink), fillText(piece.address, draft, writeLink));
  });
  return filled.join("");
}
