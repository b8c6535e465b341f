/** What a command writes with `--output`. */
import { resolve } from "node:path";
import type { Context } from "./context.ts";

/**
 * The lines of a CSV file, with a byte order mark in front when `excel` is set: Excel takes a file without one for the encoding of
 * its machine. Our own reader skips the mark.
 */
export async function* csvFile(
  lines: Iterable<string> | AsyncIterable<string>,
  { excel = false }: { excel?: boolean },
): AsyncGenerator<string> {
  if (excel) yield "\ufeff";
  yield* lines;
}

type Lines = string | Iterable<string> | AsyncIterable<string>;

/** Where `--output` writes: an absolute path, or null for stdout (`-`, or not given). */
export function outputPath(cwd: string, output: string | undefined): string | null {
  return output === undefined || output === "-" ? null : resolve(cwd, output);
}

/** One JSON document in one line, an object whose only field is a list, made item by item, because the list may be very long. */
export async function* jsonLines(
  field: string,
  items: Iterable<unknown> | AsyncIterable<unknown>,
): AsyncGenerator<string> {
  yield `{${JSON.stringify(field)}:[`;
  let separator = "";
  for await (const item of items) {
    yield separator + JSON.stringify(item);
    separator = ",";
  }
  yield "]}\n";
}

/**
 * Writes the lines, each with its own line end, to `path`, whole or not at all; null: to stdout. Throws as `writeOutput`
 * of `report/output.ts` does.
 */
export async function writeLines({ io }: Context, path: string | null, lines: Lines): Promise<void> {
  const { writeOutput } = await import("../report/output.ts");
  await writeOutput(path, lines, io);
}
