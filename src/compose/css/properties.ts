/**
 * Knows what properties set, in slots: two declarations only compete when they share a slot. A shorthand has the slots
 * of all its longhands, a logical property (`margin-inline-start`) those of every side it may mean, and a prefixed one
 * those of its plain form. Sharing too many slots is safe, sharing too few is not. A test compares the table with
 * Chromium.
 */
import { lexer, tokenize, tokenTypes } from "css-tree";

const SIDES = ["top", "right", "bottom", "left"];
const CORNERS = ["top-left", "top-right", "bottom-right", "bottom-left"];
const LINE = ["width", "style", "color"];

const sides = (name: string, end = "") => SIDES.map((side) => `${name}-${side}${end}`);
const parts = (name: string, list: string) => list.split(" ").map((part) => `${name}-${part}`);
const BORDER_IMAGE = parts("border-image", "source slice width outset repeat");
const RADIUS = CORNERS.map((corner) => `border-${corner}-radius`);
const FONT_VARIANT = parts("font-variant", "alternates caps east-asian emoji ligatures numeric position");
const WHITE_SPACE = ["white-space-collapse", "text-wrap-mode"];

const SHORTHANDS: ReadonlyMap<string, readonly string[]> = new Map([
  ["margin", sides("margin")],
  ["padding", sides("padding")],
  ["inset", SIDES],
  ["border", [...LINE.flatMap((part) => sides("border", `-${part}`)), ...BORDER_IMAGE]],
  ...SIDES.map((side) => [`border-${side}`, parts(`border-${side}`, LINE.join(" "))] as const),
  ...LINE.map((part) => [`border-${part}`, sides("border", `-${part}`)] as const),
  ["border-image", BORDER_IMAGE],
  ["border-radius", RADIUS],
  ["border-spacing", parts("border-spacing", "x y")],
  [
    "background",
    parts("background", "color image position-x position-y size repeat-x repeat-y attachment origin clip"),
  ],
  ["background-position", parts("background-position", "x y")],
  ["background-repeat", parts("background-repeat", "x y")],
  [
    "font",
    [
      ...parts(
        "font",
        "style weight stretch size family size-adjust kerning feature-settings variation-settings optical-sizing language-override",
      ),
      ...FONT_VARIANT,
      "line-height",
    ],
  ],
  ["font-width", ["font-stretch"]],
  ["font-variant", FONT_VARIANT],
  ["list-style", parts("list-style", "type position image")],
  ["text-decoration", parts("text-decoration", "line style color thickness")],
  ["white-space", WHITE_SPACE],
  ["text-wrap", ["text-wrap-mode", "text-wrap-style"]],
  ["outline", parts("outline", LINE.join(" "))],
  ["flex", parts("flex", "grow shrink basis")],
  ["flex-flow", parts("flex", "direction wrap")],
  ["columns", parts("column", "width count height wrap")],
  ["overflow", parts("overflow", "x y")],
  ["gap", ["row-gap", "column-gap"]],
  ["grid-gap", ["row-gap", "column-gap"]],
  ["grid-row-gap", ["row-gap"]],
  ["grid-column-gap", ["column-gap"]],
  ["place-content", ["align-content", "justify-content"]],
  ["place-items", ["align-items", "justify-items"]],
  ["place-self", ["align-self", "justify-self"]],
  ["word-wrap", ["overflow-wrap"]],
  ["page-break-after", ["break-after"]],
  ["page-break-before", ["break-before"]],
  ["page-break-inside", ["break-inside"]],
  ["column-break-after", ["break-after"]],
  ["column-break-before", ["break-before"]],
  ["column-break-inside", ["break-inside"]],
]);

/** Logical properties, and families that are so rare in mails that each counts as one property. */
const FAMILIES: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^margin-(?:inline|block|start|end|before|after)/, sides("margin")],
  [/^padding-(?:inline|block|start|end|before|after)/, sides("padding")],
  [/^inset-/, SIDES],
  [/^border-(?:(?:inline|block)(?:-(?:start|end))?|start|end|before|after)-width$/, sides("border", "-width")],
  [/^border-(?:(?:inline|block)(?:-(?:start|end))?|start|end|before|after)-style$/, sides("border", "-style")],
  [/^border-(?:(?:inline|block)(?:-(?:start|end))?|start|end|before|after)-color$/, sides("border", "-color")],
  [
    /^border-(?:(?:inline|block)(?:-(?:start|end))?|start|end|before|after)$/,
    LINE.flatMap((p) => sides("border", `-${p}`)),
  ],
  [/^border-(?:start|end)-(?:start|end)-radius$/, RADIUS],
  [/^border-(?:horizontal|vertical)-spacing$/, parts("border-spacing", "x y")],
  [/^(?:logical-width|logical-height|inline-size|block-size)$/, ["width", "height"]],
  [/^min-(?:logical-width|logical-height|inline-size|block-size)$/, ["min-width", "min-height"]],
  [/^max-(?:logical-width|logical-height|inline-size|block-size)$/, ["max-width", "max-height"]],
  [/^(?:column-|row-)?rule(?:$|-)/, ["rule"]],
  [/^overflow-(?:inline|block)$/, ["overflow-x", "overflow-y"]],
  ...families(
    "animation transition mask mask-box-image grid scroll-margin scroll-padding scroll-snap scroll-start scroll-timeline view-timeline " +
      "timeline-trigger trigger offset container contain-intrinsic overscroll-behavior text-emphasis text-stroke font-synthesis " +
      "position-try corner marker text-box line-clamp caret text-spacing overflow-clip-margin event-trigger scroll-initial-target interest-delay",
  ),
];

function families(names: string): [RegExp, string[]][] {
  return names.split(" ").map((name) => [new RegExp(`^${name}(?:$|-)`), [name]]);
}

/** Properties of CSS 2.1. With the values of that time, all browsers and mail programs read them in the same way. */
const OLD = new Set(
  (
    "background-color border border-bottom border-bottom-color border-bottom-style border-bottom-width border-collapse border-color border-left " +
    "border-left-color border-left-style border-left-width border-right border-right-color border-right-style border-right-width border-spacing " +
    "border-style border-top border-top-color border-top-style border-top-width border-width bottom caption-side clear color direction float " +
    "font-family font-size font-style font-weight height left letter-spacing line-height list-style-position margin margin-bottom margin-left " +
    "margin-right margin-top max-height max-width min-height min-width overflow padding padding-bottom padding-left padding-right padding-top " +
    "position right table-layout text-align text-decoration text-indent text-transform top vertical-align visibility white-space width " +
    "word-spacing z-index"
  ).split(" "),
);
const OLD_WORDS = new Set(
  (
    "absolute aqua auto baseline black blue bold bolder bottom both capitalize center collapse dashed dotted double fixed fuchsia gray green " +
    "groove hidden inherit inset inside italic justify large larger left lighter lime line-through lowercase ltr maroon medium middle navy " +
    "none normal nowrap oblique olive outset outside overline pre pre-line pre-wrap purple red relative ridge right rtl scroll separate " +
    "silver small smaller solid static sub super teal text-bottom text-top thick thin top transparent underline uppercase visible white " +
    "x-large x-small xx-large xx-small yellow"
  ).split(" "),
);
/** No negative numbers: few properties allow them, and there browsers differ from css-tree's grammar. */
const OLD_UNITS = /^\+?[.\d]+(?:e[-+]?\d+)?(?:px|em|ex|pt|pc|in|cm|mm)$/i;

/**
 * The properties of one document. It caches names and values that the author made up, so use a new one for each
 * document.
 */
export class Properties {
  readonly #slots = new Map<string, readonly string[]>();
  readonly #sure = new Map<string, boolean>();

  /** The slots of any property but `all`, which sets everything except custom properties and the direction of text. */
  slotsOf(property: string): readonly string[] {
    const known = this.#slots.get(property);
    if (known) return known;
    const slots = expand(property);
    this.#slots.set(property, slots);
    return slots;
  }

  /** Whether every browser accepts this declaration, so that an earlier one of the same property never has an effect. */
  isSure(property: string, value: string): boolean {
    if (!OLD.has(property) || value.length > 200) return false;
    const key = `${property}:${value}`;
    const known = this.#sure.get(key);
    if (known !== undefined) return known;
    const sure = isPlain(property, value) && lexer.matchProperty(property, value).error === null;
    this.#sure.set(key, sure);
    return sure;
  }
}

function expand(property: string): readonly string[] {
  if (property.startsWith("--")) return [property];
  const plain = property.replace(/^-[a-z]+-/, "");
  return SHORTHANDS.get(plain) ?? FAMILIES.find(([pattern]) => pattern.test(plain))?.[1] ?? [plain];
}

function isPlain(property: string, value: string): boolean {
  let plain = true;
  tokenize(value, (type, start, end) => {
    plain &&= isPlainToken(property, type, value.slice(start, end));
  });
  return plain;
}

function isPlainToken(property: string, type: number, text: string): boolean {
  switch (type) {
    case tokenTypes["Ident"]:
      if (property === "font-family") return !text.startsWith("-") && !/^(?:initial|unset|revert)/i.test(text);
      return OLD_WORDS.has(text.toLowerCase()) || lexer.matchType("named-color", text).error === null;
    case tokenTypes["Dimension"]:
      return OLD_UNITS.test(text);
    case tokenTypes["Number"]:
    case tokenTypes["Percentage"]:
      return !text.startsWith("-");
    case tokenTypes["Hash"]:
      return /^#(?:[\da-f]{3}|[\da-f]{6})$/i.test(text);
    case tokenTypes["String"]:
    case tokenTypes["Comma"]:
      return property === "font-family";
    case tokenTypes["WhiteSpace"]:
      return true;
    default:
      return false;
  }
}
