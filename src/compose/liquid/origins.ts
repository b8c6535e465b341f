/** Copies posted data into objects without a prototype, and remembers where each object and list was in them. */
import type { Datum } from "../../message.ts";
import { shortened } from "../../printable.ts";

/** Copies the value of the variable `name`. */
export type Copy = (value: Datum | undefined, name: string) => Datum | undefined;

/** A copy of a value that has no prototype anywhere, and "" for blank texts. */
export function bare(value: Datum | undefined): Datum | undefined {
  if (typeof value === "string") return value.trim() === "" ? "" : value;
  if (typeof value !== "object" || value === null) return value;
  return Array.isArray(value) ? value.map((item: Datum) => bare(item) ?? null) : objectOf(value, (item) => bare(item));
}

function objectOf(value: object, copy: (item: Datum, key: string) => Datum | undefined): Datum {
  const made = Object.create(null) as Record<string, Datum>;
  for (const key of Object.keys(value)) made[key] = copy((value as Record<string, Datum>)[key] ?? null, key) ?? null;
  return made;
}

/** Where an object or a list stands: in which other one (null: it is a variable itself), and under which key. */
interface Place {
  parent: object | null;
  key: string | number;
}

/** Where the objects and lists of one recipient's data stand. */
export class Origins {
  readonly #places = new Map<object, Place>();

  /** Copies the value of the variable `name` as `bare` does, and remembers where its objects and lists stand. */
  copy(value: Datum | undefined, name: string): Datum | undefined {
    return this.#copy(value, null, name);
  }

  #copy(value: Datum | undefined, parent: object | null, key: string | number): Datum | undefined {
    if (typeof value !== "object" || value === null) return bare(value);
    const made: object = Array.isArray(value) ? [] : (Object.create(null) as object);
    this.#places.set(made, { parent, key });
    if (Array.isArray(value))
      for (const [index, item] of value.entries())
        (made as Datum[]).push(this.#copy(item as Datum, made, index) ?? null);
    else
      for (const name of Object.keys(value))
        (made as Record<string, Datum>)[name] = this.#copy((value as Record<string, Datum>)[name], made, name) ?? null;
    return made as Datum;
  }

  /** The path of an object or a list of the data, such as `order.items[2]`; null for any other. */
  pathOf(value: unknown): string | null {
    const place = typeof value === "object" && value !== null ? this.#places.get(value) : undefined;
    if (place === undefined) return null;
    return place.parent === null ? pathTo("", place.key) : pathTo(this.pathOf(place.parent) ?? "", place.key);
  }
}

/** The most characters of a key in a path: data may have keys of any length. */
const LONGEST_KEY = 99;

/** The path of what is at `key` in the object or list at `path`: `a.b`, `a[2]`, or `a["b c"]` for a key that is no word. */
export function pathTo(path: string, key: string | number): string {
  if (typeof key === "number") return `${path}[${key}]`;
  const name = shortened(key, LONGEST_KEY);
  if (!/^[\p{L}\p{N}_-]+$/u.test(name)) return `${path}[${JSON.stringify(name)}]`;
  return path === "" ? name : `${path}.${name}`;
}
