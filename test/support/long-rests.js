// Loaded into the program (`node --import`): between two parts of long work, where it lets its event loop go round, it rests
// for a second. So a test that looks at it late still finds it in the middle.
import { createRequire, syncBuiltinESMExports } from "node:module";

const timers = createRequire(import.meta.url)("node:timers/promises");
timers.setImmediate = (value) => timers.setTimeout(1_000, value);
syncBuiltinESMExports();
