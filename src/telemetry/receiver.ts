/** What receivers of reports have in common. */
import { UserError } from "../errors.ts";

/** The second: a version that is too old. */
const NOT_THERE = new Set(["ERR_MODULE_NOT_FOUND", "ERR_PACKAGE_PATH_NOT_EXPORTED"]);
/** How long `close` waits for what is still to be handed over. */
export const CLOSE_MS = 2_000;

/**
 * Loads optional packages.
 * @throws UserError when one is not installed; anything else that goes wrong in loading is thrown as it is.
 */
export async function installed<T>(variable: string, packages: readonly string[], load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if (!NOT_THERE.has(codeOf(error))) throw error;
    throw new UserError(
      `${variable} is set, but what it needs is not installed beside ses-mail`,
      `npm install ${packages.join(" ")}, or unset ${variable}`,
    );
  }
}

/** Says that reports fail when they begin to (called with the problem), and once more when they arrive again (null). */
export function faultTeller(receiver: string, onNotice: (text: string) => void): (problem: string | null) => void {
  let isFailing = false;
  return (problem) => {
    if (problem !== null && !isFailing) onNotice(`${receiver} does not take reports (${problem}); they are lost`);
    if (problem === null && isFailing) onNotice(`${receiver} takes reports again`);
    isFailing = problem !== null;
  };
}

/** The code of an error, such as ECONNREFUSED, else its name: never its text, which may hold an address with a password. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown error";
  const cause = error.cause instanceof Error ? error.cause : error;
  return "code" in cause ? String(cause.code) : cause.name;
}
