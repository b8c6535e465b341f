// Writes a little into a job, again and again, until its input ends, and prints the longest wait so far whenever it grows (ms).
import process from "node:process";
import { openStore } from "../dist/store/open.js";
import { systemClock } from "../dist/time/clock.js";

const store = await openStore(process.argv[2], systemClock);
process.stdin.resume();
let longest = 0;
for (let round = 0; !process.stdin.readableEnded; round++) {
  const before = performance.now();
  await store.suppress([{ address: `u${round % 100}@neighbour.example`, reason: "manual", source: "manual" }]);
  const took = performance.now() - before;
  if (took > longest) console.log((longest = took).toFixed(1));
  await new Promise((resolve) => setTimeout(resolve, 5));
}
await store.close();
