/** Figures for people: short, and never more exact than they are worth. */

const COUNT = new Intl.NumberFormat("en-US");

/** `12,345`. */
export function count(value: number): string {
  return COUNT.format(value);
}

/** `97.5 %`, with more digits the smaller it is, so that a complaint rate of 0.04 % does not read as none. */
export function share(part: number, whole: number): string {
  if (whole === 0) return "–";
  const percent = (100 * part) / whole;
  const digits = percent === 0 || percent === 100 ? 0 : percent >= 10 ? 1 : percent >= 0.1 ? 2 : 3;
  return `${percent.toFixed(digits)} %`;
}

/** `1 message`, `2 messages`. */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}
