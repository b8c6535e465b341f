/** Ports for programs that have to be told one, and for servers that come back where they were. */
import { createServer } from "node:net";

/**
 * A port that is free now. It is outside of the range that systems take ports of outgoing connections from, so that nobody
 * else has it while its server is restarted.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 15_000 + Math.floor(Math.random() * 17_000);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.on("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
