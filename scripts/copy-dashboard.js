/** The last step of `npm run build`: copies to dist/ what the browser gets unchanged. */
import { cpSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..");
const DASHBOARD = "serve/dashboard";

cpSync(join(ROOT, "src", DASHBOARD), join(ROOT, "dist", DASHBOARD), {
  recursive: true,
  filter: (path) => !path.endsWith(".ts"),
});
