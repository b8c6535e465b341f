/** Checks the shape and the size of posted data, before a template reads them. */
import type { Values } from "../../message.ts";
import { pathTo } from "../liquid/origins.ts";
import { type DataProblem, typeName } from "../liquid/strict.ts";

/** The most bytes of JSON of one recipient's data, in UTF-8. */
const MOST_DATA_BYTES = 64 * 1024;

/** The most levels of lists and objects in it: `{"a": [1]}` has two. */
const MOST_DATA_DEPTH = 10;

/** What makes a value no data of one recipient. No problem: it is `Values`, and `text` is its JSON. */
export interface ShapeOfData {
  problems: DataProblem[];
  text: string | null;
}

/**
 * Looks whether `data` are data of one recipient. They are not when they are no object, too deep or too large, or have a number that cannot
 * be kept or something that JSON has no word for.
 */
export function shapeOf(data: unknown): ShapeOfData {
  const none = (problem: DataProblem) => ({ problems: [problem], text: null });
  if (!isPlainObject(data)) return none({ path: "", message: `expected an object, got ${typeName(data)}` });
  const problem = problemIn(data, "", 1);
  if (problem !== null) return none(problem);
  const text = JSON.stringify(data);
  // A character takes three bytes at most.
  const bytes = text.length * 3 <= MOST_DATA_BYTES ? 0 : Buffer.byteLength(text);
  if (bytes <= MOST_DATA_BYTES) return { problems: [], text };
  const message = `are ${Math.ceil(bytes / 1024)} KB of JSON, the limit is ${MOST_DATA_BYTES / 1024} KB for a recipient`;
  return none({ path: "", message });
}

/** Whether `data`, without problems of its shape, may be read as values. */
export function isValues(data: unknown, problems: DataProblem[]): data is Values {
  return problems.length === 0 && isPlainObject(data);
}

function problemIn(value: unknown, path: string, depth: number): DataProblem | null {
  if (typeof value === "string" || typeof value === "boolean" || value === null) return null;
  if (typeof value === "number") return numberProblem(value, path);
  if (!Array.isArray(value) && !isPlainObject(value)) return { path, message: "expected a value of JSON" };
  if (depth > MOST_DATA_DEPTH) return { path, message: `is nested more than ${MOST_DATA_DEPTH} levels deep` };
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const problem = isNested(value[index]) ? problemIn(value[index], pathTo(path, index), depth + 1) : null;
      if (problem !== null) return problem;
    }
    return null;
  }
  // Without a list of the names, which would be garbage for each object.
  for (const key in value) {
    const item = value[key];
    const problem = isNested(item) ? problemIn(item, pathTo(path, key), depth + 1) : null;
    if (problem !== null) return problem;
  }
  return null;
}

/** False for what is fine without a look at it, so that no path has to be made. */
function isNested(value: unknown): boolean {
  if (typeof value === "number") return numberProblem(value, "") !== null;
  return typeof value !== "string" && typeof value !== "boolean" && value !== null;
}

function numberProblem(value: number, path: string): DataProblem | null {
  if (Number.isFinite(value) && Math.abs(value) <= Number.MAX_SAFE_INTEGER) return null;
  return { path, message: "is a number with too many digits to be kept exactly; send it as a text" };
}

/** An object as JSON makes one: no class, no functions, no getters. */
function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}
