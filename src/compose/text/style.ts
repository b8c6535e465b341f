/**
 * Reads the inline style and attributes of an element: whether its text is visible, and which space is around it. Rules
 * in a `<style>` do not count here, because after inlining they are for media queries and single mail programs only.
 */
import { BLOCKS, type Element } from "./tree.ts";

/** How an element looks, as far as the text part depends on it. */
export interface Look {
  /**
   * False: text is invisible here, but may be visible in a child (`visibility: visible`, another font size or colour).
   */
  readonly textSeen: boolean;
  /** The same for pictures and form fields, which need no font. */
  readonly visible: boolean;
  readonly tinyFont: boolean;
  readonly transparent: boolean;
  readonly whiteSpace: "collapse" | "keep" | "keep-lines";
  /** The `list-style-type`, or null when none is set. */
  readonly listStyle: string | null;
  /** An "inline-block" has space beside it. */
  readonly display: "inline" | "inline-block" | "block" | "list-item";
  /** Whether there is visible space above and below. */
  readonly above: boolean;
  readonly below: boolean;
  /** Whether the element makes a gap when it is empty. */
  readonly tall: boolean;
}

/** The look of a page without any styles. */
export const PLAIN_LOOK: Look = {
  textSeen: true,
  visible: true,
  tinyFont: false,
  transparent: false,
  whiteSpace: "collapse",
  listStyle: null,
  display: "block",
  above: false,
  below: false,
  tall: false,
};

type Style = ReadonlyMap<string, string>;

const NO_STYLE: Style = new Map();
const KEEPS_SPACE = new Set(["pre", "listing", "plaintext", "xmp", "textarea"]);
/** Elements with space between their words and the words beside them. */
const INLINE_BLOCKS = new Set([
  "button",
  "canvas",
  "input",
  "marquee",
  "meter",
  "object",
  "progress",
  "select",
  "textarea",
  "video",
]);
const TABLE_BOXES = new Set(["table", "tbody", "td", "tfoot", "th", "thead", "tr"]);
/** In CSS pixels. From this size on, space looks like a gap and not like the padding of a line. */
const GAP = 8;
/** In CSS pixels. Hidden text is often 1px high, and cannot be read. */
const TINY = 1;
/** In any unit. This is outside of every window. */
const FAR = -999;

/** The look of an element inside `parent`. Null when the element and everything in it are invisible. */
export function lookOf(element: Element, parent: Look): Look | null {
  const style = readStyle(element.attributes.get("style") ?? "");
  if (isHidden(element, style)) return null;
  const visible = isVisible(style.get("visibility"), parent.visible);
  const tinyFont = isTiny(style, parent.tinyFont);
  const transparent = isTransparent(style.get("color"), parent.transparent);
  return {
    textSeen: visible && !tinyFont && !transparent,
    visible,
    tinyFont,
    transparent,
    whiteSpace: whiteSpaceOf(element.name, style.get("white-space"), parent.whiteSpace),
    listStyle: listStyleOf(element.name, style, parent.listStyle),
    display: displayOf(element.name, style),
    above: isGap(side(style, "padding", "top")) || isGap(side(style, "margin", "top")),
    below: isGap(side(style, "padding", "bottom")) || isGap(side(style, "margin", "bottom")),
    tall: [style.get("height"), style.get("line-height"), element.attributes.get("height")].some(isGap),
  };
}

/** Properties and values in lower case. An `!important` declaration wins, else the last one. */
function readStyle(written: string): Style {
  if (written === "") return NO_STYLE;
  const style = new Map<string, string>();
  const important = new Set<string>();
  for (const declaration of written.replace(/\/\*.*?\*\//gs, "").split(";")) {
    const colon = declaration.indexOf(":");
    if (colon < 0 || declaration.length > 500) continue;
    const name = declaration.slice(0, colon).trim().toLowerCase();
    const value = declaration
      .slice(colon + 1)
      .trim()
      .toLowerCase();
    const isImportant = /!\s*important$/.test(value);
    if (important.has(name) && !isImportant) continue;
    if (isImportant) important.add(name);
    style.set(name, value.replace(/\s*!\s*important$/, ""));
  }
  return style;
}

function isHidden(element: Element, style: Style): boolean {
  const display = style.get("display");
  if (display === "none" || (display === undefined && element.attributes.has("hidden"))) return true;
  return (
    numberOf(style.get("opacity")) === 0 ||
    (numberOf(style.get("text-indent")) ?? 0) <= FAR ||
    /scale[xy]?\(0[,)]/.test(style.get("transform") ?? "") ||
    /^(?:inset\((?:50|100)%|circle\(0)/.test(style.get("clip-path") ?? "") ||
    hasNoRoom(element.name, style) ||
    isOutside(style)
  );
}

/** Hidden preheaders often use a box without height or width that cuts off what overflows. */
function hasNoRoom(name: string, style: Style): boolean {
  const cuts = ["overflow", "overflow-x", "overflow-y"].some((each) => /hidden|clip/.test(style.get(each) ?? ""));
  // The parts of a table grow with their content.
  if (!cuts || TABLE_BOXES.has(name)) return false;
  const none = (property: string): boolean => (pixels(style.get(property)) ?? Infinity) <= TINY;
  // A box for a video has its height as padding.
  const padded = (["top", "bottom"] as const).some((which) => pixels(side(style, "padding", which) ?? "0") !== 0);
  return none("max-height") || none("width") || (none("height") && !padded);
}

function isOutside(style: Style): boolean {
  if (!/^(?:absolute|fixed)$/.test(style.get("position") ?? "")) return false;
  const far = ["left", "top", "right", "bottom"].some((name) => (numberOf(style.get(name)) ?? 0) <= FAR);
  return far || /^rect\((?:[01](?:px)?[\s,]*){4}\)/.test(style.get("clip") ?? "");
}

function isVisible(visibility: string | undefined, inherited: boolean): boolean {
  if (visibility === undefined || visibility === "inherit") return inherited;
  return visibility !== "hidden" && visibility !== "collapse";
}

function isTiny(style: Style, inherited: boolean): boolean {
  const size = style.get("font-size") ?? /(?:^|\s)([\d.]+(?:[a-z]+|%)?)(?:\s*\/|\s)/.exec(style.get("font") ?? "")?.[1];
  if (size === undefined) return inherited;
  const number = numberOf(size);
  if (number === null) return inherited && !/^(?:(?:xx?-|xxx-)?(?:small|large)|medium)$/.test(size);
  if (number === 0) return true;
  if (/(?:em|ex|%)$/.test(size) && !size.endsWith("rem")) return inherited;
  return /^[\d.]+(?:px|pt)$/.test(size) && number <= TINY;
}

function isTransparent(color: string | undefined, inherited: boolean): boolean {
  if (color === undefined || color === "inherit" || color === "currentcolor") return inherited;
  if (color === "transparent" || /^#(?:[\da-f]{3}0|[\da-f]{6}00)$/.test(color)) return true;
  const parts =
    /^(?:rgb|hsl)a?\(([^)]*)\)$/
      .exec(color)?.[1]
      ?.trim()
      .split(/[\s,/]+/) ?? [];
  return parts.length === 4 && numberOf(parts[3]) === 0;
}

function whiteSpaceOf(name: string, value: string | undefined, inherited: Look["whiteSpace"]): Look["whiteSpace"] {
  if (value === undefined || value === "inherit") return KEEPS_SPACE.has(name) ? "keep" : inherited;
  if (/^(?:pre-line|preserve-breaks)/.test(value)) return "keep-lines";
  return /^(?:pre|break-spaces|preserve)/.test(value) ? "keep" : "collapse";
}

function listStyleOf(name: string, style: Style, inherited: string | null): string | null {
  const own = style.get("list-style-type") ?? style.get("list-style");
  if (own !== undefined && own !== "inherit") return own;
  return name === "ol" || name === "ul" ? null : inherited;
}

function displayOf(name: string, style: Style): Look["display"] {
  const display = style.get("display") ?? "";
  if (display.startsWith("inline-")) return "inline-block";
  if (display === "inline") return "inline";
  if (display === "list-item" || (display === "" && name === "li")) return "list-item";
  if (/^(?:block|flex|grid|table|flow-root)/.test(display) || BLOCKS.has(name)) return "block";
  const floats = /^(?:left|right)$/.test(style.get("float") ?? "");
  return floats || INLINE_BLOCKS.has(name) ? "inline-block" : "inline";
}

/** The value of `padding-top` or the like; from the shorthand when there is no longhand. */
function side(style: Style, property: "padding" | "margin", which: "top" | "bottom"): string | undefined {
  const own = style.get(`${property}-${which}`);
  if (own !== undefined) return own;
  const all = style.get(property)?.split(/\s+/) ?? [];
  return which === "top" ? all[0] : (all[2] ?? all[0]);
}

function isGap(length: string | undefined): boolean {
  return (pixels(length) ?? 0) >= GAP;
}

/** A length in CSS pixels; null when it is no length, or relative to the window or parent. */
function pixels(length: string | undefined): number | null {
  const number = numberOf(length);
  if (number === null || length === undefined) return null;
  if (/^-?[\d.]+(?:px)?$/.test(length)) return number;
  if (/^-?[\d.]+pt$/.test(length)) return (number * 4) / 3;
  return /^-?[\d.]+r?em$/.test(length) ? number * 16 : null;
}

function numberOf(value: string | undefined): number | null {
  const number = Number.parseFloat(value ?? "");
  return Number.isNaN(number) ? null : number;
}
