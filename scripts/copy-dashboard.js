/** The last step of `npm run build`: what the browser is served is copied to dist/ as it is. */
import { cpSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..");
const DASHBOARD = "serve/dashboard";

cpSync(join(ROOT, "src", DASHBOARD), join(ROOT, "dist", DASHBOARD), {
  recursive: true,
  filter: (path) => !path.endsWith(".ts"),
});
