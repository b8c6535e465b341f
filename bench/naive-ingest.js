// As little as reading such a dump can be: a line at a time, the envelope and the event in it parsed, nothing kept.
import { createReadStream } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";

const started = performance.now();
const types = {};
let lines = 0;
for await (const line of createInterface({ input: createReadStream(process.argv[2]), crlfDelay: Infinity })) {
  const event = JSON.parse(JSON.parse(line).Message);
  types[event.eventType] = (types[event.eventType] ?? 0) + 1;
  lines++;
}
console.log(JSON.stringify({ lines, types, lines_per_second: (lines * 1000) / (performance.now() - started) }));
