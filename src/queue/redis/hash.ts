/** What is kept of a job that a set names: a hash, as producers and older workers write it. */
import { jsonObject } from "../../json.ts";
import { epochMs, LATEST_MS } from "../../time/epoch.ts";
import type { Connection } from "./connection.ts";
import type { Fields } from "./job.ts";
import type { Command } from "./line.ts";
import { isAboutKey, RedisProblem } from "./problem.ts";

/** What the key of a job holds: its fields, none when there is nothing that can be a job, or why we are not told. */
export type Held = Fields | RedisProblem;

/**
 * Reads the keys of some jobs. A string counts as the `data` of a hash. A key that Redis lets nobody like us read concerns its job only.
 * @throws RedisProblem when Redis answers none of it.
 */
export async function readJobs(asks: Connection, keys: readonly string[]): Promise<Held[]> {
  const hashes = await asks.runEach(keys.map((key): Command => ["HGETALL", key]));
  const others = keys.filter((_, index) => isOtherType(hashes[index]));
  const strings = others.length === 0 ? [] : await asks.runEach(others.map((key): Command => ["GET", key]));
  return hashes.map((hash) => {
    const answer = isOtherType(hash) ? dataIn(strings.shift()) : hash;
    if (answer instanceof RedisProblem && !isAboutKey(answer)) throw answer;
    return answer as Held;
  });
}

const isOtherType = (answer: unknown): boolean => answer instanceof RedisProblem && answer.code === "WRONGTYPE";

/** The fields that a string stands for: none when the key is gone, or no string either. */
function dataIn(string: unknown): Held {
  if (string instanceof Buffer) return [Buffer.from("data"), string];
  return string instanceof RedisProblem && !isOtherType(string) ? string : [];
}

/** What a hash says of its job. Beside `data` it may hold what a worker noted there, such as a state; that is no part of the job. */
export function jobOf(fields: Fields, id: string): Fields {
  const idOfKey = [Buffer.from("id"), Buffer.from(id)];
  const at = fields.findIndex((field, index) => index % 2 === 0 && String(field) === "data");
  if (at !== -1) {
    const data = fields.slice(at, at + 2);
    const hasId = Object.hasOwn(jsonObject(data[1] as Buffer) ?? {}, "id");
    return hasId ? data : [...data, ...idOfKey];
  }
  const hasId = fields.some((field, index) => index % 2 === 0 && String(field) === "id");
  return hasId ? fields : [...fields, ...idOfKey];
}

/** The finite number that a value is, or that its text says; null: none. */
export const numberOf = (value: unknown): number | null => {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) ? number : null;
};

/** Milliseconds since the epoch, of such a number, of a number of seconds, or of a text that Date reads; null: of anything else, or too late. */
export function instantOf(value: unknown): number | null {
  const number = numberOf(value) ?? (typeof value === "string" ? Date.parse(value) : NaN);
  const ms = epochMs(number);
  return Math.abs(ms) <= LATEST_MS ? Math.round(ms) : null;
}
