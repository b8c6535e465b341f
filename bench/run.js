// npm run bench -- <name> [options]: each measured claim of docs/performance.md is one of these.
import { readdirSync } from "node:fs";
import process from "node:process";

const SUPPORT = new Set([
  "ses-events.js",
  "run.js",
  "support.js",
  "serve-support.js",
  "receiver.js",
  "bare-loop.js",
  "bare-accept.js",
  "peer.js",
  "inlet-support.js",
  "naive-import.js",
  "naive-ingest.js",
  "neighbour.js",
  "sqlite-shell.js",
  "postgres-server.js",
  "postgres-turner.js",
]);
const names = readdirSync(new URL(".", import.meta.url))
  .filter((file) => file.endsWith(".js") && !SUPPORT.has(file))
  .map((file) => file.slice(0, -3));
const [name, ...args] = process.argv.slice(2);
if (!names.includes(name)) {
  console.log(`npm run bench -- <name>, one of: ${names.join(", ")}`);
  process.exit(name === undefined ? 0 : 2);
}
const { run } = await import(`./${name}.js`);
await run(args);
