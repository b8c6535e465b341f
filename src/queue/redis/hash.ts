/** The hash of a job that a set names, as producers and older workers write it. */
import { jsonObject } from "../../json.ts";
import { epochMs, LATEST_MS } from "../../time/epoch.ts";
import type { Fields } from "./job.ts";
import { RedisProblem } from "./problem.ts";

/** What HGETALL answers; none when the key is of another type. */
export function fieldsOf(hash: unknown): Fields {
  if (!(hash instanceof RedisProblem)) return hash as Fields;
  if (hash.code !== "WRONGTYPE") throw hash;
  return [];
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
