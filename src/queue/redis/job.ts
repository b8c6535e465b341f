/** What producers write for one job, made into one body. */

import { jsonObject, utf8Text } from "../../json.ts";

/** Names and values in turn, as Redis keeps them: of an entry of a stream, or of a hash. */
export type Fields = readonly Buffer[];

/**
 * The body of a job.
 *
 * - With a field `data`: its bytes. When they are a JSON object, it begins with what stands beside `data` and is not in it; all other
 *   bytes stay as they are. So a reader sees every field, and may refuse one that it does not know.
 * - With a field `data` and another `id` beside it than in the job: as when a field comes twice.
 * - Without: a JSON object of all fields, whose values are texts.
 * - When a field comes twice or is no UTF-8: all names and values with line ends in between, which no reader takes for
 *   one job.
 */
export function bodyOf(fields: Fields): Buffer {
  const named = byName(fields);
  if (named === null) return raw(fields);
  const data = named.get("data");
  if (data !== undefined) return withMissing(data, named) ?? raw(fields);
  const texts = [...named].map(([name, value]) => [name, utf8Text(value)] as const);
  if (texts.some(([, text]) => text === null)) return raw(fields);
  return Buffer.from(JSON.stringify(Object.fromEntries(texts)));
}

function byName(fields: Fields): Map<string, Buffer> | null {
  const named = new Map<string, Buffer>();
  for (let at = 0; at < fields.length; at += 2) {
    const name = utf8Text(fields[at] as Buffer);
    if (name === null || named.has(name)) return null;
    named.set(name, fields[at + 1] as Buffer);
  }
  return named;
}

const raw = (fields: Fields): Buffer => Buffer.concat(fields.flatMap((field) => [field, Buffer.from("\n")]));

/** Whether a value of the job says what stands beside it. Of a number that was rounded when it was read nobody can tell. */
const mayBe = (value: unknown, text: string): boolean =>
  String(value) === text || (Number.isInteger(value) && !Number.isSafeInteger(value));

/** Null: the entry and the job name different jobs, or one thing differently. */
function withMissing(data: Buffer, named: ReadonlyMap<string, Buffer>): Buffer | null {
  const beside = [...named.keys()].filter((name) => name !== "data");
  if (beside.length === 0) return data;
  const job = jsonObject(data);
  if (job === null) return data;
  const missing = beside.filter((name) => !Object.hasOwn(job, name));
  const both = beside.filter((name) => Object.hasOwn(job, name));
  if (both.some((name) => name !== "priority" && !mayBe(job[name], String(named.get(name))))) return null;
  if (missing.length === 0) return data;
  const added = missing.map((name) => `${JSON.stringify(name)}:${JSON.stringify(String(named.get(name)))}`);
  const start = data.indexOf("{") + 1;
  const comma = Object.keys(job).length > 0 ? "," : "";
  return Buffer.concat([data.subarray(0, start), Buffer.from(added.join(",") + comma), data.subarray(start)]);
}
