/** What the codes of the network mean, in a few words for people. */

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ENOTFOUND: "there is no such host",
  EAI_AGAIN: "its name cannot be looked up",
  ECONNRESET: "connection reset",
  EPIPE: "connection reset",
  ETIMEDOUT: "it does not answer",
  EHOSTUNREACH: "no way leads to it",
  ENETUNREACH: "no way leads to it",
};

/** The words for a code such as `ECONNREFUSED`; null: there are none. */
export function networkWords(code: unknown): string | null {
  return typeof code === "string" && Object.hasOwn(WORDS, code) ? (WORDS[code] ?? null) : null;
}
