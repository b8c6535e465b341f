/** Loads a part of the store late. */
type Method = (...args: unknown[]) => Promise<unknown>;

/**
 * Makes the methods `names` of a part of the store that `load` loads when the first of them is called. Commands that only read
 * start faster without it.
 */
export function createLatePart<T extends object>(names: readonly (keyof T & string)[], load: () => Promise<T>): T {
  let part: Promise<T> | null = null;
  const method =
    (name: keyof T & string): Method =>
    async (...args) =>
      ((await (part ??= load()))[name] as Method)(...args);
  return Object.fromEntries(names.map((name) => [name, method(name)])) as T;
}
