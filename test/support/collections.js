// Loaded into the program (`node --import`): V8 writes to stdout what it collected, and how far the old space may grow until the next time.
import { setFlagsFromString } from "node:v8";

setFlagsFromString("--trace-gc");
setFlagsFromString("--trace-gc-verbose");
