/** Finds in what is posted the texts that no mail may hold, and the names that nobody may give. */
import { textProblem } from "../compose/content/sound-text.ts";
import { isObject } from "../json.ts";
import type { Problem } from "./problems.ts";

/** So many problems of one value are named. */
const MOST = 20;
/** So many values are looked at: more than the data of an address may have, so that those behind them are refused as too large. */
const MOST_VALUES = 100_000;
/** How much of a name a path repeats, and of a path is told, in characters. */
const MOST_SHOWN = 60;
const MOST_PATH = 500;

/** What is wrong with the texts and names in a parsed JSON value, however deep it is; each with its path. At most 20. */
export function textProblemsIn(value: unknown): Problem[] {
  const found: Problem[] = [];
  const open: { path: string; value: unknown }[] = [{ path: "", value }];
  let seen = 0;
  const look = (path: string, each: unknown): void => {
    seen++;
    const message = typeof each === "string" ? textProblem(each) : null;
    if (message !== null) found.push({ path, message });
    if (Array.isArray(each) || isObject(each)) open.push({ path, value: each });
  };
  for (let next = open.pop(); next !== undefined; next = open.pop())
    for (const [place, each] of placesIn(next.path, next.value)) {
      if (found.length >= MOST || seen >= MOST_VALUES) return found;
      look(place, each);
    }
  return found;
}

/**
 * The names in a parsed JSON value that reach into prototypes, however deep they are; each with its path. At most 20. What the parser of
 * requests (secure-json-parse) refuses for a name has at least one.
 */
export function reachingProblemsIn(value: unknown): Problem[] {
  const found: Problem[] = [];
  const open: { path: string; value: unknown }[] = [{ path: "", value }];
  // It grows while it is read.
  for (const { path, value: holder } of open) {
    const names = reachingNamesOf(holder).map((name) => below(path, name));
    found.push(...names.map((name) => ({ path: name, message: "a name that nobody may give" })));
    if (found.length >= MOST) return found.slice(0, MOST);
    for (const [place, each] of placesIn(path, holder))
      if (Array.isArray(each) || isObject(each)) open.push({ path: place, value: each });
  }
  return found;
}

function reachingNamesOf(holder: unknown): string[] {
  if (!isObject(holder)) return [];
  const maker = Object.hasOwn(holder, "constructor") ? holder["constructor"] : null;
  const reaches = typeof maker === "object" && maker !== null && Object.hasOwn(maker, "prototype");
  return [...(Object.hasOwn(holder, "__proto__") ? ["__proto__"] : []), ...(reaches ? ["constructor.prototype"] : [])];
}

/** The values of a list or an object, with their paths. A name is looked at as a text, too. */
function* placesIn(path: string, holder: unknown): Generator<[path: string, value: unknown]> {
  if (Array.isArray(holder)) {
    for (const [at, each] of (holder as unknown[]).entries()) yield [grown(path, `[${at}]`), each];
  } else if (isObject(holder)) {
    for (const name of Object.keys(holder)) {
      yield [path, name];
      yield [below(path, name), holder[name]];
    }
  } else yield [path, holder];
}

const grown = (path: string, more: string): string => (path.length > MOST_PATH ? path : path + more);

function below(path: string, name: string): string {
  const shown = name.length > MOST_SHOWN ? `${name.slice(0, MOST_SHOWN)}…` : name;
  return path === "" ? shown : grown(path, `.${shown}`);
}
