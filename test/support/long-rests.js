// Loaded into the program (`node --import`): between two parts of long work, where it lets its event loop go round, it rests
// for a second. So a test that looks at it late still finds it in the middle. REST_IN: it does so in the files with this in their paths.
import { createRequire, syncBuiltinESMExports } from "node:module";
import process from "node:process";

const timers = createRequire(import.meta.url)("node:timers/promises");
const { setImmediate } = timers;
const restIn = process.env.REST_IN ?? "";

timers.setImmediate = (value) =>
  new Error("who calls").stack.includes(restIn) ? timers.setTimeout(1_000, value) : setImmediate(value);
syncBuiltinESMExports();
