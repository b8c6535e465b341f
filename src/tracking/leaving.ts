/**
 * Recognises links for unsubscribing. Clicks on them are never counted: somebody who leaves must not count as a reader.
 */

/**
 * Returns a function that tells whether a link leads to the same page as `List-Unsubscribe`. `header` is the value of
 * that header, "" when there is none. Spelling makes no difference (percent-encoding, case of the host, `http:` for
 * `https:`, `www.`, order of parameters), and the link may have more parameters.
 */
export function leavesBy(header: string): (url: string) => boolean {
  const exits = [...header.matchAll(/<(https?:[^<>]*)>/gi)]
    .map(([, url = ""]) => exitOf(url))
    .filter((exit) => exit !== null);
  if (exits.length === 0) return () => false;
  return (url) => {
    const link = exitOf(url);
    return link !== null && exits.some((exit) => exit.page === link.page && isWithin(exit.parameters, link.parameters));
  };
}

interface Exit {
  page: string;
  /** `name=value`, decoded. */
  parameters: Set<string>;
}

function exitOf(url: string): Exit | null {
  if (!URL.canParse(url)) return null;
  const { host, pathname, search } = new URL(url);
  const parameters = search
    .slice(1)
    .split("&")
    .filter((parameter) => parameter !== "");
  return {
    page: `${host.replace(/^www\./, "")}${decode(pathname).replace(/\/+$/, "")}`,
    parameters: new Set(parameters.map(decode)),
  };
}

/** A `+` may mean a space or itself, so both count as the same. */
function decode(part: string): string {
  try {
    return decodeURIComponent(part).replaceAll(" ", "+");
  } catch {
    return part;
  }
}

function isWithin(some: Set<string>, all: Set<string>): boolean {
  return [...some].every((parameter) => all.has(parameter));
}
