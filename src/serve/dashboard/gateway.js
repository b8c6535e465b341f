/** How the dashboard talks to the gateway: single calls, and the stream of overviews. */

/** No other page can send this header, so the gateway knows that the call is ours. */
const OURS = { "x-ses-mail": "dashboard" };

/**
 * Resolves to the JSON of the answer. Throws an Error that says in one line what went wrong. When the session is over,
 * loads the sign-in page and never settles.
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @returns {Promise<any>}
 */
export async function call(method, path, body) {
  const response = await send(method, path, body);
  if (response.status === 401) return signInAgain();
  const text = await response.text();
  const answer = readJson(text);
  if (response.ok && answer !== null) return answer;
  throw new Error(reasonOf(answer) ?? `the gateway answered ${response.status}`);
}

/** The path of a topic in the API. @param {string} name */
export function topicPath(name) {
  return `/v1/topics/${encodeURIComponent(name)}`;
}

/** @param {string} method @param {string} path @param {unknown} body */
async function send(method, path, body) {
  const json = body === undefined ? {} : { body: JSON.stringify(body) };
  const type = body === undefined ? {} : { "content-type": "application/json" };
  try {
    return await fetch(path, { method, headers: { ...OURS, ...type }, cache: "no-store", ...json });
  } catch {
    throw new Error("the gateway cannot be reached; try again in a moment");
  }
}

/** @param {string} text */
function readJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Why a call failed, in one line; null: the answer does not say. @param {any} answer @returns {string | null} */
function reasonOf(answer) {
  if (typeof answer?.error !== "string") return null;
  const [first, ...more] = Array.isArray(answer.problems) ? answer.problems : [];
  if (typeof first?.message !== "string") return answer.error;
  // People typed no path: a message that quotes what is wrong needs none, and places in a list mean nothing to them.
  // A path into data is theirs.
  const isField = /^(?:\w+|data\..+)$/.test(first.path) && !first.message.startsWith('"');
  const others = more.length === 0 ? "" : ` (and ${more.length} more ${more.length === 1 ? "problem" : "problems"})`;
  return `${isField ? `${first.path}: ` : ""}${first.message}${others}`;
}

/** @returns {Promise<never>} */
function signInAgain() {
  location.reload();
  return new Promise(() => undefined);
}

/** Ends the session on the gateway, and loads the sign-in page. */
export async function signOut() {
  await send("POST", "/sign-out", undefined);
  await signInAgain();
}

/** How long to wait before asking again a gateway that refused the stream. */
const AGAIN_MS = 2_000;

/**
 * Calls `onOverview` with every overview, and `onLost` when the connection is lost, until the returned function is
 * called. It connects again by itself. While nobody looks at the page it disconnects: a browser has six connections to
 * a host, and every tab would keep one.
 * @param {{ onOverview: (overview: import("./wire.ts").Overview) => void, onLost: () => void }} listener
 */
export function listen({ onOverview, onLost }) {
  /** @type {EventSource | null} */
  let source = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  const stop = () => {
    clearTimeout(timer);
    source?.close();
    source = null;
  };
  const start = () => {
    stop();
    source = new EventSource("/v1/stream");
    source.addEventListener("overview", (event) => onOverview(JSON.parse(event.data)));
    source.addEventListener("error", () => {
      onLost();
      // The stream was refused, not interrupted. The browser does not try again by itself.
      if (source?.readyState === EventSource.CLOSED) timer = setTimeout(() => void ask(), AGAIN_MS);
    });
  };
  /** Asks once. When the session is over, that loads the sign-in page; when the gateway is away, it asks again. */
  const ask = async () => {
    try {
      onOverview(await call("GET", "/v1/overview"));
      start();
    } catch {
      timer = setTimeout(() => void ask(), AGAIN_MS);
    }
  };
  const onVisibility = () => (document.hidden ? stop() : start());
  document.addEventListener("visibilitychange", onVisibility);
  if (!document.hidden) start();
  return () => {
    document.removeEventListener("visibilitychange", onVisibility);
    stop();
  };
}
