/**
 * What all receivers of reports share: loading their packages, saying when reports fail, and the time they get to
 * close.
 */
import { UserError } from "../errors.ts";

/** Node's codes for a package that is missing (required, and imported), and for one of a version that is too old. */
const NOT_THERE = new Set(["MODULE_NOT_FOUND", "ERR_MODULE_NOT_FOUND", "ERR_PACKAGE_PATH_NOT_EXPORTED"]);
/** Milliseconds that `close` waits for reports that are still on their way. */
export const CLOSE_MS = 2_000;

/**
 * Loads optional packages. `variable` is what asked for them, `packages` are what to install.
 * @throws UserError when one is not installed. Any other error of `load` is thrown as it is.
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

/**
 * Makes a function to call after each report: with the problem, or with null when the report arrived. `onNotice` is
 * told once when reports begin to fail, and once when they arrive again.
 */
export function faultTeller(receiver: string, onNotice: (text: string) => void): (problem: string | null) => void {
  let isFailing = false;
  return (problem) => {
    if (problem !== null && !isFailing) onNotice(`${receiver} does not take reports (${problem}); they are lost`);
    if (problem === null && isFailing) onNotice(`${receiver} takes reports again`);
    isFailing = problem !== null;
  };
}

/**
 * The code of an error, such as ECONNREFUSED, else its name. Its text is never used: it may hold a URL with a password.
 */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown error";
  const cause = error.cause instanceof Error ? error.cause : error;
  return "code" in cause ? String(cause.code) : cause.name;
}
