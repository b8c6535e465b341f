/** The edge of the store: every error that leaves it says what it is. */

type Method = (...args: unknown[]) => unknown;

/**
 * Gives a part of the store with the same methods, whose rejections, and errors of generators, pass through `translate` once. So a
 * statement may fail anywhere, and none is slower for it.
 */
export function atTheEdge<T extends object>(part: T, translate: (error: unknown) => unknown): T {
  const entries = Object.entries(part).map(([name, value]) => [
    name,
    typeof value === "function" ? translated(value as Method, translate) : (value as unknown),
  ]);
  return Object.fromEntries(entries) as T;
}

function translated(method: Method, translate: (error: unknown) => unknown): Method {
  return (...args) => {
    const result = method(...args);
    if (result instanceof Promise) {
      return result.catch((error: unknown) => {
        throw translate(error);
      });
    }
    return isGenerator(result) ? generated(result, translate) : result;
  };
}

function isGenerator(value: unknown): value is AsyncGenerator {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

async function* generated(rows: AsyncGenerator, translate: (error: unknown) => unknown): AsyncGenerator {
  try {
    yield* rows;
  } catch (error) {
    throw translate(error);
  }
}
