/** A real browser. Debian's Chromium; installed when it is not there and we may. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { getuid } from "node:process";
import { type Browser, chromium } from "playwright-core";

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

function findBrowser(): string {
  const found = PLACES.find((path) => existsSync(path));
  if (found !== undefined) return found;
  if (getuid?.() !== 0) throw new Error(`no browser at ${PLACES.join(", ")}: install Debian's package chromium`);
  execFileSync("apt-get", ["update", "-qq"], { stdio: "inherit" });
  execFileSync("apt-get", ["install", "-y", "-qq", "--no-install-recommends", "chromium"], { stdio: "inherit" });
  return PLACES[0] ?? "";
}
