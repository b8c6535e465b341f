/** Draws bars and columns of the report page as SVG. */
import { html, type Markup } from "./markup.ts";

/** A part of a bar: its value, and the class that gives its colour. */
export interface Part {
  value: number;
  tone: string;
}

/**
 * Draws the parts side by side on a track that stands for `whole`. It is decoration, hidden from screen readers, so the
 * figures must stand beside it.
 */
export function stackedBar(parts: readonly Part[], whole: number): Markup {
  let from = 0;
  const rects = parts.map(({ value, tone }) => {
    const width = whole === 0 ? 0 : (1_000 * value) / whole;
    const rect = html`<rect class="${tone}" x="${round(from)}" y="0" width="${round(width)}" height="10" />`;
    from += width;
    return rect;
  });
  return html`<svg class="track" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true" focusable="false">
    <rect class="ground" width="1000" height="10" />
    ${rects}
  </svg>`;
}

/**
 * Draws a rate (a fraction) on a track from 0 to `end`, with a mark at each limit. What is beyond `end` fills the
 * track. Hidden from screen readers, like `stackedBar`.
 */
export function gauge(
  rate: number,
  { limits, end, tone }: { limits: readonly number[]; end: number; tone: string },
): Markup {
  const place = (value: number) => round(1_000 * Math.min(1, value / end));
  const marks = limits.map((limit) => html`<rect class="mark" x="${place(limit)}" y="0" width="4" height="10" />`);
  return html`<svg class="track" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true" focusable="false">
    <rect class="ground" width="1000" height="10" />
    <rect class="${tone}" width="${place(rate)}" height="10" />
    ${marks}
  </svg>`;
}

/** One column of a chart: a value for each series. */
export interface Column {
  /** Shown when the column is pointed at. */
  label: string;
  values: readonly number[];
}

/**
 * Draws columns side by side. The values of one column stand in front of each other, each narrower than the one before.
 * `tones` has a class for each series. The chart stretches to the space there is, so all words stand outside. `label`
 * says what it shows to people who do not see it.
 */
export function columnChart(
  columns: readonly Column[],
  { tones, label }: { tones: readonly string[]; label: string },
): Markup {
  const top = Math.max(1, ...columns.flatMap(({ values }) => values));
  const width = 1_000 / columns.length;
  const drawn = columns.map(({ label: name, values }, index) => {
    const rects = values.map((value, series) => {
      if (value === 0) return null;
      const inset = width * (0.08 + 0.22 * series);
      const height = (100 * value) / top;
      return html`<rect
        class="${tones[series] ?? ""}"
        x="${round(index * width + inset)}"
        y="${round(100 - height)}"
        width="${round(width - 2 * inset)}"
        height="${round(height)}"
      />`;
    });
    const target = html`<rect class="target" x="${round(index * width)}" y="0" width="${round(width)}" height="100" />`;
    return html`<g><title>${name}</title>${target}${rects}</g>`;
  });
  const lines = [0, 50, 100].map((y) => html`<line x1="0" x2="1000" y1="${y}" y2="${y}" />`);
  return html`<svg class="columns" viewBox="0 0 1000 100" preserveAspectRatio="none" role="img" aria-label="${label}">
    ${lines}${drawn}
  </svg>`;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
