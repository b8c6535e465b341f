/** The HTTP server: guards first, then the routes. What is not said to be open needs a key. */
import Fastify, { type FastifyInstance } from "fastify";
import type { Gateway } from "./gateway.ts";

/** Who may use a route. Each one says it; a route that does not is refused when the server is built. */
export type Access = "open" | "send" | "read" | "admin";

declare module "fastify" {
  interface FastifyContextConfig {
    access?: Access;
  }
}

export async function buildServer(gateway: Gateway, log: NodeJS.WritableStream): Promise<FastifyInstance> {
  void gateway;
  const app = Fastify({ logger: { stream: log } });
  return app;
}
