/** A fast 53-bit hash of a string (cyrb53 by bryc, public domain). It is not cryptographic; it tells events of one message apart. */
export function hash53(text: string): number {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 2654435761);
    b = Math.imul(b ^ code, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return 4294967296 * (2097151 & b) + (a >>> 0);
}

/** By which the subject of a mail is found again, however its white space was folded on the way. */
export const subjectKey = (subject: string): number => hash53(subject.normalize("NFC").replaceAll(/\s+/g, " ").trim());

/** The key of the event that a visit of a link through us is kept as. It tells such a visit from a click that SES tells of. */
export const visitKey = (isMachine: boolean, link: string | null): number => hash53(`visit ${isMachine} ${link}`);

/** The key of the event that a step (rules/steps.ts) is kept as. The same one at another time (ms since the epoch) is another step. */
export const stepKey = ({ type, detail }: { type: string; detail: string }, at: number): number =>
  hash53(`step ${type} ${detail} ${at}`);
