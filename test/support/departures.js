// Loaded into a client (`node --import`): notes when each send call was handed to the operating system, monotonic ms, one
// a line. The receiver's own log cannot tell that on a busy machine: there its event loop reads a call when it gets to it.
import { subscribe } from "node:diagnostics_channel";
import { appendFileSync } from "node:fs";
import process from "node:process";

const departures = [];

subscribe("http.client.request.start", ({ request }) => {
  if (!request.path.endsWith("/outbound-emails")) return;
  const note = () => departures.push(Number(process.hrtime.bigint()) / 1e6);
  if (request.writableFinished) note();
  else request.once("finish", note);
});
process.on("exit", () => appendFileSync(process.env.DEPARTURES_FILE, departures.map((at) => `${at}\n`).join("")));
