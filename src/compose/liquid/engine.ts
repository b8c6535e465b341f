/** Sets up LiquidJS: its limits, its tags and our filters. */
import { CaptureTag, type FilterImplOptions, filters, Liquid } from "liquidjs";
import type { Context } from "liquidjs";
import { Markup, withBreaks } from "./markup.ts";
import { current, text } from "./tracer.ts";
import { teachValues } from "./values.ts";

/** The tags a template may use; all other tags of LiquidJS are removed from the engine. */
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

/**
 * Limits against templates that never end. LiquidJS counts characters (`parseLimit`, `memoryLimit`), nodes
 * (`templateLimit`) and, as a last resort, milliseconds (`renderLimit`).
 */
export const LIMITS = { parseLimit: 20_000_000, memoryLimit: 20_000_000, templateLimit: 200_000, renderLimit: 10_000 };

let theEngine: Liquid | undefined;

/**
 * The one engine, made at the first call. It reads own properties only, loads no files, has only `ALLOWED_TAGS`, and
 * stops at `LIMITS`.
 */
export function engine(): Liquid {
  return (theEngine ??= createEngine());
}

function createEngine(): Liquid {
  const created = new Liquid({
    ...LIMITS,
    ownPropertyOnly: true,
    strictFilters: true,
    // An empty cell must be false, so that {% if coupon %} asks whether there is one.
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

/** Registers filters that handle captured text (`Markup`). `TEXT_FILTERS` and `raw` handle it too. */
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
  // Every value is escaped when it is written, so these filters must not escape it a second time.
  for (const name of ["escape", "escape_once", "xml_escape"]) created.registerFilter(name, escaped);
  created.registerFilter("newline_to_br", (value: unknown) => {
    const { language } = current();
    return language === "text" ? value : withBreaks(language, value instanceof Markup ? value : text(value));
  });
}

/** Makes a value plain text that is escaped when it is written, even with `| raw`. */
function escaped(value: unknown): Markup {
  return value instanceof Markup ? value : new Markup(current().language, [{ kind: "value", text: text(value) }]);
}

class MarkupCapture extends CaptureTag {
  override *render(context: Context): Generator<unknown, void, string> {
    const written = yield this.liquid.renderer.renderTemplates(this.templates, context);
    context.bottom()[this.variable] = current().captured(written);
  }
}
