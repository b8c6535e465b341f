/** The gateway as its clients meet it: a real process with a real port. */
import { type Json, type Running, type RunOptions, start, until } from "./run.ts";

export const API_KEY = "a-key-for-the-tests-only";

export interface Served {
  url: string;
  running: Running;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<{ status: number; json: Json }>;
  get(path: string, headers?: Record<string, string>): Promise<{ status: number; json: Json }>;
  remove(path: string): Promise<{ status: number; json: Json }>;
}

/** Starts `ses-mail serve` on a free port, with a key and a sender, and waits until it listens. */
export async function serve(folder: string, args: string[] = [], options: RunOptions = {}): Promise<Served> {
  const running = start(folder, ["serve", "--port", "0", "--from", "News <news@example.com>", ...args], {
    ...options,
    env: { SES_MAIL_API_KEY: API_KEY, ...options.env },
  });
  const listening = () => /^listening on (http:\S+)$/m.exec(running.stderr())?.[1];
  await until(() => listening() !== undefined || running.child.exitCode !== null, "the gateway to listen");
  const url = listening();
  if (url === undefined) throw new Error(`serve did not start:\n${running.stderr()}`);

  const call = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const json = body === undefined ? {} : { body: JSON.stringify(body) };
    const type = body === undefined ? {} : { "content-type": "application/json" };
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { "x-api-key": API_KEY, ...type, ...headers },
      redirect: "manual",
      ...json,
    });
    const text = await response.text();
    return { status: response.status, json: text.startsWith("{") ? JSON.parse(text) : text };
  };
  return {
    url,
    running,
    post: (path, body, headers) => call("POST", path, body, headers),
    get: (path, headers) => call("GET", path, undefined, headers),
    remove: (path) => call("DELETE", path),
  };
}
