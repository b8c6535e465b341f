/** Reads the data for a template from a file. */
import { typeName } from "../compose/liquid/strict.ts";
import { UserError } from "../errors.ts";
import type { Io } from "../io.ts";
import { textProblemsIn } from "../intake/sound.ts";
import { openInput } from "./input.ts";
import { isObject, withoutMark } from "../json.ts";
import type { Values } from "../message.ts";
import { fileProblem } from "../read-file.ts";

/** More than a request may have for one address. */
const MOST_BYTES = 16 * 1024 * 1024;

/** The JSON object in a file, or in stdin for `-`. Throws `UserError` when it cannot be read, or is no object. */
export async function readData(io: Io, file: string): Promise<Values> {
  const what = file === "-" ? "stdin" : file;
  const data = parse(await readAll(io, file), what);
  const [unsound] = textProblemsIn(data);
  if (unsound !== undefined)
    throw new UserError(`the data in ${what}: ${unsound.path === "" ? "a name" : unsound.path} ${unsound.message}`);
  if (isObject(data)) return data as Values;
  throw new UserError(`--data expects a JSON object in ${what}, such as {"name": "Ann"}, got ${typeName(data)}`);
}

async function readAll(io: Io, file: string): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of openInput(io, file) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > MOST_BYTES)
        throw new UserError(`the data in ${file} are larger than 16 MB`, "leave out what no mail needs");
      chunks.push(chunk);
    }
  } catch (error) {
    throw fileProblem(error, "the data", file);
  }
  return withoutMark(Buffer.concat(chunks).toString("utf8"));
}

function parse(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UserError(`the data in ${what} are not JSON: ${(error as Error).message}`);
  }
}
