/** A real browser. Debian's Chromium; installed when it is not there and we may. */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { getuid } from "node:process";
import { type Browser, chromium } from "playwright-core";
import { onTestFinished } from "vitest";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Nothing of its own goes to the network: what a test sees there is the page's. */
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Throws when there is no browser and none can be installed: a test that needs one must not pass without. */
export async function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: findBrowser(), args: FLAGS });
}

/** A server that is asked for nothing: whoever asks it for something is found in `asked`, by path. */
export async function nobodysServer(): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  // The events of Playwright tell of requests that a policy stops, and miss those of a frame that it has not yet joined.
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    response.end();
  }).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

function findBrowser(): string {
  const found = PLACES.find((path) => existsSync(path));
  if (found !== undefined) return found;
  if (getuid?.() !== 0) throw new Error(`no browser at ${PLACES.join(", ")}: install Debian's package chromium`);
  execFileSync("apt-get", ["update", "-qq"], { stdio: "inherit" });
  execFileSync("apt-get", ["install", "-y", "-qq", "--no-install-recommends", "chromium"], { stdio: "inherit" });
  return PLACES[0] ?? "";
}
