import { CaptureTag, type FilterImplOptions, filters, Liquid } from "liquidjs";
import type { Context } from "liquidjs";
import { Markup, withBreaks } from "./markup.ts";
import { current, text } from "./tracer.ts";
import { teachValues } from "./values.ts";

export const ALLOWED_TAGS = [
  "assign",
  "break",
  "capture",
  "case",
  "comment",
  "continue",
  "for",
  "if",
  "raw",
  "unless",
  "#",
];

/** Against templates that never end. The units are LiquidJS's own: characters, nodes, and (a last resort) milliseconds. */
export const LIMITS = { parseLimit: 20_000_000, memoryLimit: 20_000_000, templateLimit: 200_000, renderLimit: 10_000 };

let theEngine: Liquid | undefined;

/** The one engine: own properties only, no files, no tags that would output around the escaping, limits on size, loops and time. */
export function engine(): Liquid {
  return (theEngine ??= createEngine());
}

function createEngine(): Liquid {
  const created = new Liquid({
    ...LIMITS,
    ownPropertyOnly: true,
    strictFilters: true,
    // An empty cell is false: {% if coupon %} asks whether there is one.
    jsTruthy: true,
    dynamicPartials: false,
    templates: {},
    outputEscape: (value: unknown) => current().emit("value", value),
  });
  for (const tag of Object.keys(created.tags)) if (!ALLOWED_TAGS.includes(tag)) delete created.tags[tag];
  teachValues(created);
  created.registerTag("capture", MarkupCapture);
  teachMarkup(created);
  return created;
}

type Handler = Extract<FilterImplOptions, (...args: never[]) => unknown>;

/** Filters that know what to do with captured text: those of `teachMarkup`, those that put texts together, and `raw`. */
function teachMarkup(created: Liquid): void {
  for (const name of ["size", "slice"]) {
    const work = filters[name] as Handler;
    created.registerFilter(name, function (value: unknown, ...rest: unknown[]) {
      const given: unknown = value instanceof Markup ? value.valueOf() : value;
      return work.apply(this, [given, ...rest] as Parameters<Handler>) as unknown;
    });
  }
  const byDefault = filters["default"] as Handler;
  created.registerFilter("default", function (value: unknown, ...rest: unknown[]) {
    const given = byDefault.apply(this, [value, ...rest] as Parameters<Handler>) as unknown;
    return value instanceof Markup && given === value.valueOf() ? value : given;
  });
  // Every value is escaped where it ends up: by hand as well would be once too often.
  for (const name of ["escape", "escape_once", "xml_escape"]) created.registerFilter(name, escaped);
  created.registerFilter("newline_to_br", (value: unknown) => {
    const { language } = current();
    return language === "text" ? value : withBreaks(language, value instanceof Markup ? value : text(value));
  });
}

/** Behind it the value means itself, even with `| raw`. */
function escaped(value: unknown): Markup {
  return value instanceof Markup ? value : new Markup(current().language, [{ kind: "value", text: text(value) }]);
}

class MarkupCapture extends CaptureTag {
  override *render(context: Context): Generator<unknown, void, string> {
    const written = yield this.liquid.renderer.renderTemplates(this.templates, context);
    context.bottom()[this.variable] = current().captured(written);
  }
}
