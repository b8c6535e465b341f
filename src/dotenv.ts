/** Reads settings from `.env`. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { UserError } from "./errors.ts";

/**
 * Reads `.env` in `cwd` and adds its variables to `env`, except those that are set already (an empty one counts as
 * set). A missing file is fine, and so is a folder of that name (Python's virtual environments). Throws `UserError`
 * when the file cannot be read.
 */
export function loadDotenv(cwd: string, env: Record<string, string | undefined>): void {
  for (const [name, value] of Object.entries(parseEnv(readDotenv(join(cwd, ".env"))))) {
    env[name] ??= value;
  }
}

/**
 * Removes settings (`SES_MAIL_…`) that are empty: `VAR= command` and compose files mean "not given". Call it after
 * `loadDotenv`, so that an empty variable switches off what the file says.
 */
export function dropEmptySettings(env: Record<string, string | undefined>): void {
  for (const [name, value] of Object.entries(env)) {
    if (name.startsWith("SES_MAIL_") && value === "") delete env[name];
  }
}

function readDotenv(path: string): string {
  try {
    // Editors on Windows start the file with a byte order mark, which would become part of the first name.
    return readFileSync(path, "utf8").replace(/^\uFEFF/, "");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "EISDIR") return "";
    throw new UserError(
      `expected a readable settings file, got ${code ?? "an error"} for ${path}`,
      "make it readable, or move it away",
    );
  }
}
