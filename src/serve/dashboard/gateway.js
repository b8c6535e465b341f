/** The dashboard's only ways to the gateway: a call, and the stream of overviews. */

/** Another page cannot send this header along: it is how the gateway knows that we mean it. */
const OURS = { "x-ses-mail": "dashboard" };

/**
 * The answer's JSON. Throws an Error that says why in one line; when the session is over the sign-in page is loaded instead.
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

/** @param {string} name */
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

/** @param {any} answer @returns {string | null} */
function reasonOf(answer) {
  if (typeof answer?.error !== "string") return null;
  const first = answer.problems?.[0]?.message;
  return typeof first === "string" ? `${answer.error} (${first})` : answer.error;
}

/** @returns {Promise<never>} */
function signInAgain() {
  location.reload();
  return new Promise(() => undefined);
}

/** The session ends here and on the gateway. */
export async function signOut() {
  await send("POST", "/sign-out", undefined);
  await signInAgain();
}

const AGAIN_MS = 2_000;

/**
 * Hears every overview until `close`; connects again by itself, and lets go while nobody looks at the page: a browser has
 * six connections to a host, and every tab would keep one.
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
      // Refused, not interrupted: the browser does not try again by itself.
      if (source?.readyState === EventSource.CLOSED) timer = setTimeout(() => void ask(), AGAIN_MS);
    });
  };
  /** Tells a session that is over, which loads the sign-in page, from a gateway that is away. */
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
