/** Whether nats-server can be had. Apart from what starts it, because vitest.config.ts asks, where there are no tests yet. */
import { programIn } from "./programs.ts";

/** Null where a server can be started, otherwise a line that says what is missing and how to get it. */
export function whyNoNats(): string | null {
  const found = programIn("nats-server");
  return found === null ? "there is no nats-server in PATH or /usr/sbin (apt-get install nats-server)" : null;
}
