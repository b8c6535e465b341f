/** Answers of something that is not AWS: a proxy, a load balancer, a hotel's login page, an endpoint that somebody mistyped. */

/**
 * Names of errors that the SDK does not throw for what AWS says, but trips over when an answer is none of AWS: no JSON, `null`, a
 * name that is no text.
 */
const STUMBLED = new Set(["SyntaxError", "TypeError", "RangeError", "ReferenceError", "URIError", "Error"]);

/** What the SDK calls an error of which the answer does not say the name, and its text. */
const [NAMELESS, TEXTLESS] = ["Unknown", "UnknownError"];

/** An error of the SDK, as far as it says what the answer was. */
export interface Thrown {
  name: string;
  text: string;
  /** HTTP status; 0: there was no answer. */
  status: number;
  /** Node's code of an error of the network, or empty. */
  code: string;
}

/** An answer that is not one of AWS. */
interface ForeignAnswer {
  reason: string;
  /** What it has for people, mostly empty. */
  text: string;
  /** True: it is not even JSON as AWS writes it, so no part of AWS had the request. */
  isNobodys: boolean;
}

/**
 * Of an error about an answer that is not one of `service` (SES, SQS): the sentence that says so, without a word of the SDK, and the text
 * that the answer itself has for people (mostly empty). Null: AWS has answered, or nobody.
 */
export function foreignAnswer({ name, text, status, code }: Thrown, service: string): ForeignAnswer | null {
  if (status === 0 || code !== "" || (name !== NAMELESS && !STUMBLED.has(name))) return null;
  const said = name === NAMELESS && text !== TEXTLESS ? text : "";
  const sentence = `the answer (HTTP ${status}) is not one of ${service}`;
  return { reason: said === "" ? sentence : `${sentence}: ${said}`, text: said, isNobodys: name !== NAMELESS };
}

/**
 * The text in one line: texts of libraries (OpenSSL, credential programs) and of servers may have several, and a reason is a cell of a
 * table. White space counts once.
 */
export function inOneLine(text: string): string {
  return text.replaceAll(/[\s\u0085]+/g, " ").trim();
}
