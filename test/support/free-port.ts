/** A port for a program that has to be told one. */
import { createServer } from "node:net";

/** A port of 127.0.0.1 on which nobody listened just now. */
export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}
