/** Stands between a program and a server of any kind, and fails as networks do. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/**
 * What becomes of the connection on which a text goes by.
 *
 * - "lost": the text never arrives, and the connection is cut.
 * - "done": the text arrives, and the connection is cut before an answer does.
 * - "swallowed": from the text on nothing arrives any more, in both directions. The connection stays.
 */
type Fate = "lost" | "done" | "swallowed";

export interface StrikingProxy {
  port: number;
  /** How many connections were made so far. */
  connects(): number;
  /** Cuts every connection, at both ends. */
  cut(): void;
  /** Nothing that is said on the connections that are there arrives any more. They stay, and new ones are well. */
  swallow(): void;
  /** Decides about the next connection on which the client says this. Resolves when it did. */
  strike(text: string, fate: Fate): Promise<void>;
  /** From now on the client is told `by` instead of `text`. */
  replace(text: string, by: string): void;
  /** Nobody listens any more, and every connection is cut. */
  refuse(): Promise<void>;
  /** Ends `refuse`. */
  accept(): Promise<void>;
  close(): Promise<void>;
}

interface Plan {
  strike: { text: string; fate: Fate; happened(): void } | null;
  replaced: { text: string; by: string } | null;
}

interface Link {
  cut(): void;
  swallow(): void;
}

/** Listens on a free port in front of a port of this machine. */
export async function strikingProxy(target: number): Promise<StrikingProxy> {
  const plan: Plan = { strike: null, replaced: null };
  const links = new Set<Link>();
  let connects = 0;
  const server = createServer((client) => {
    connects++;
    const link = join(client, target, plan);
    links.add(link);
    client.on("close", () => links.delete(link));
  });
  await listen(server, 0);
  const { port } = server.address() as AddressInfo;
  const cut = () => {
    for (const link of links) link.cut();
  };
  const refuse = async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    cut();
    await closed;
  };
  return {
    port,
    connects: () => connects,
    cut,
    swallow() {
      for (const link of links) link.swallow();
    },
    strike: (text, fate) => new Promise((happened) => (plan.strike = { text, fate, happened })),
    replace: (text, by) => void (plan.replaced = { text, by }),
    refuse,
    accept: () => listen(server, port),
    close: refuse,
  };
}

async function listen(server: Server, port: number): Promise<void> {
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
}

function join(client: Socket, target: number, plan: Plan): Link {
  const server = connect(target, "127.0.0.1");
  let isDead = false;
  const cut = () => {
    client.destroy();
    server.destroy();
  };
  client.on("data", (bytes) => {
    if (isDead) return;
    const struck = plan.strike !== null && bytes.includes(plan.strike.text) ? plan.strike : null;
    if (struck !== null) plan.strike = null;
    if (struck === null || struck.fate === "done") server.write(bytes);
    isDead = struck !== null;
    if (struck?.fate === "lost") cut();
    if (struck?.fate === "done") client.destroy();
    struck?.happened();
  });
  server.on("data", (bytes) => {
    const { text, by } = plan.replaced ?? { text: "", by: "" };
    if (isDead) return;
    client.write(text === "" ? bytes : Buffer.from(bytes.toString("latin1").replaceAll(text, by), "latin1"));
  });
  // Bytes that were written arrive before the end.
  client.on("close", () => server.end());
  server.on("close", () => client.destroy());
  for (const socket of [client, server]) socket.on("error", () => undefined);
  return { cut, swallow: () => void (isDead = true) };
}
