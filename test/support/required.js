// Loaded into the program (`node --import`): when it ends, the paths of the files it required go to the file REQUIRED_FILE, one a line.
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import process from "node:process";

process.on("exit", () => {
  writeFileSync(process.env.REQUIRED_FILE, Object.keys(createRequire(import.meta.url).cache).join("\n"));
});
