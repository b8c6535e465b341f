// Loaded into a client (`node --import`): notes when each send call was handed to the operating system, monotonic ms, one
// a line. The receiver's own log cannot tell that on a busy machine: there its event loop reads a call when it gets to it.
// With DEPARTURES=now in its environment a client notes each at once, so that one that is killed has noted it, too.
import { subscribe } from "node:diagnostics_channel";
import { appendFileSync } from "node:fs";
import process from "node:process";

const departures = [];
const write = (instants) => appendFileSync(process.env.DEPARTURES_FILE, instants.map((at) => `${at}\n`).join(""));

const onceGone = (socket, note) => {
  if (socket.writableLength === 0) note();
  else socket.write("", note);
};

// Published by undici right before it writes a request. It writes a body together with its headers when it uncorks the socket, and the
// moment after that is the departure: what comes later in the same step, and in the program, may be held up.
subscribe("undici:client:sendHeaders", ({ request, socket }) => {
  if (!request.path.endsWith("/outbound-emails")) return;
  const note = () => {
    const at = Number(process.hrtime.bigint()) / 1e6;
    if (process.env.DEPARTURES === "now") write([at]);
    else departures.push(at);
  };
  socket.uncork = () => {
    // The method of its class again.
    delete socket.uncork;
    socket.uncork();
    onceGone(socket, note);
  };
});
process.on("exit", () => write(departures));
