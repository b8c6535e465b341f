import { CaptureTag, Liquid } from "liquidjs";
import type { Context } from "liquidjs";
import { current, Markup, text } from "./tracer.ts";
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
  // Every value is escaped where it ends up: by hand as well would be once too often.
  for (const name of ["escape", "escape_once", "xml_escape"]) created.registerFilter(name, text);
  return created;
}

class MarkupCapture extends CaptureTag {
  override *render(context: Context): Generator<unknown, void, string> {
    const tracer = current();
    tracer.captures++;
    try {
      const captured = yield this.liquid.renderer.renderTemplates(this.templates, context);
      context.bottom()[this.variable] = tracer.language === "text" ? captured : new Markup(captured);
    } finally {
      tracer.captures--;
    }
  }
}
