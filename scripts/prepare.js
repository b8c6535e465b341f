/**
 * npm runs this after `npm install` in a clone, before it packs, and when it installs from git. It builds dist/, unless
 * there is no compiler (`--omit=dev`) or no source (an unpacked package).
 */
import { execSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..");

if (existsSync(join(ROOT, "src")) && hasCompiler()) execSync("npm run build", { cwd: ROOT, stdio: "inherit" });

function hasCompiler() {
  try {
    createRequire(import.meta.url).resolve("typescript/package.json");
    return true;
  } catch {
    return false;
  }
}
