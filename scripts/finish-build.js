/** The last step of `npm run build`: says what kind of modules dist/ has, and copies there what the browser gets unchanged. */
import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..");
const DASHBOARD = "serve/dashboard";

writeFileSync(join(ROOT, "dist/package.json"), '{ "type": "commonjs" }\n');
cpSync(join(ROOT, "src", DASHBOARD), join(ROOT, "dist", DASHBOARD), {
  recursive: true,
  filter: (path) => !path.endsWith(".ts"),
});
