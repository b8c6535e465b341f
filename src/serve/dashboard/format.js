/** Writes figures, times and texts for people. */

const COUNT = new Intl.NumberFormat("en-US");
const RATE = new Intl.NumberFormat("en-US", { maximumFractionDigits: 1 });
const TIME = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  timeZoneName: "short",
});
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** `12,345`; `–` when nobody knows it. @param {number | null} value */
export function count(value) {
  return value === null ? "–" : COUNT.format(value);
}

/** `1 message`, `2 messages`. @param {number} value @param {string} one @param {string} [many] */
export function counted(value, one, many = `${one}s`) {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** `13.8`: one decimal place at most. @param {number} perSecond */
export function rate(perSecond) {
  return RATE.format(perSecond);
}

/**
 * `97.5 %`. Small shares have more digits: a complaint rate of 0.04 % is not zero. `–` when `whole` is 0, or nobody knows
 * the part.
 * @param {number | null} part
 * @param {number} whole
 */
export function share(part, whole) {
  if (whole === 0 || part === null) return "–";
  const percent = (100 * part) / whole;
  const digits = percent === 0 || percent === 100 ? 0 : percent >= 10 ? 1 : percent >= 0.1 ? 2 : 3;
  return `${percent.toFixed(digits)} %`;
}

/** `812 bytes`, `1.4 kB`, `10 MB`. @param {number} bytes */
export function bytesOf(bytes) {
  if (bytes < 1_000) return counted(bytes, "byte");
  return bytes < 1_000_000 ? `${RATE.format(bytes / 1_000)} kB` : `${RATE.format(bytes / 1_000_000)} MB`;
}

/** `20 Nov 2026, 16:38 CET`, in the time zone of the browser. @param {string} iso */
export function time(iso) {
  return TIME.format(new Date(iso));
}

/** `20 Nov 2026`, in the time zone of the browser. @param {string} iso */
export function day(iso) {
  return DAY.format(new Date(iso));
}

/** `16:38:05`, in the time zone of the browser. @param {Date} at */
export function clockTime(at) {
  return CLOCK.format(at);
}

/** @type {[string, number][]} */
const UNITS = [
  ["d", 86_400],
  ["h", 3_600],
  ["min", 60],
  ["s", 1],
];

/** The two largest units: `2 h 5 min`, `45 s`. At least `1 s`. @param {number} seconds */
export function duration(seconds) {
  let rest = Math.max(1, Math.round(seconds));
  const first = UNITS.findIndex(([, size]) => rest >= size);
  const parts = UNITS.slice(first, first + 2).map(([unit, size]) => {
    const whole = Math.floor(rest / size);
    rest -= whole * size;
    return whole > 0 ? `${whole} ${unit}` : "";
  });
  return parts.filter((part) => part !== "").join(" ");
}

/** Characters that turn the text around or take no room, as in printable.ts. */
const UNSEEN = /[\p{Cc}\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu;

/** @type {Record<string, string>} */
const SHORT = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** The text with those characters written as escapes, such as `\u202e`. @param {string} text */
export function visible(text) {
  return text.replace(UNSEEN, (character) => {
    const code = character.charCodeAt(0);
    const hex = code.toString(16);
    return SHORT[character] ?? (code < 0x100 ? `\\x${hex.padStart(2, "0")}` : `\\u${hex.padStart(4, "0")}`);
  });
}
