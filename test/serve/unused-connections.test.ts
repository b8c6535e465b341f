import { once } from "node:events";
import { connect } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { testGateway } from "../support/gateway.ts";

/** A connection as browsers hold them. */
async function open(url: string, text = "") {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => undefined);
  await once(socket, "connect");
  socket.write(text);
  return socket;
}

test("closes without waiting for connections that were never used, or only begun", async () => {
  const gateway = await testGateway();
  const url = await gateway.listen();
  const accepted = once(gateway.app.server, "connection");
  await open(url);
  await accepted;
  const second = once(gateway.app.server, "connection");
  await open(url, "GET / HTTP/1.1\r\nhost: x\r\n");
  await second;
  // The test's time limit is shorter than the time-out of the connections.
  await gateway.app.close();
  expect(gateway.app.server.listening).toBe(false);
}, 20_000);
