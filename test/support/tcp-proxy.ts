/** Stands between a program and a server, and fails as networks do. It knows no protocol. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { onTestFinished } from "vitest";

export interface TcpProxy {
  port: number;
  /** Connections that there are. */
  open(): number;
  /** What clients have said so far, on all connections. */
  clientBytes(): number;
  /** Cuts every connection, at both ends. */
  cut(): void;
  /**
   * Cuts every connection when this many bytes more of the client (or of the server) have gone by; the rest does not arrive. Calls
   * `onCut` then.
   */
  cutAfter(bytes: number, of?: Side, onCut?: () => void): void;
  /** What the server says on the connections that are there does not arrive any more. It hears all. New ones are well. */
  swallowAnswers(): void;
  /** Nothing arrives any more on the connections that are there, in both directions. They stay. New ones are well. */
  swallow(): void;
  /** Connections are cut as soon as they are made, as when nobody listens, and those that are there as well. */
  refuse(): void;
  /** Ends `refuse`. */
  accept(): void;
}

type Side = "client" | "server";

interface Link {
  ends: Socket[];
  /** What becomes of what each side says. */
  client: "passed" | "swallowed";
  server: "passed" | "swallowed";
}

/** Listens on a free port in front of the server on `target`, for as long as the test takes. */
export async function tcpProxy(target: number): Promise<TcpProxy> {
  const links = new Set<Link>();
  let said = 0;
  let refusing = false;
  let budget: { of: Side; bytes: number; onCut(): void } | null = null;
  const cut = () => links.forEach(({ ends }) => ends.forEach((end) => end.destroy()));
  /** Passes on what one side says, or what may go by of it before everything is cut. */
  const pass = (chunk: Buffer, of: Side, to: Socket) => {
    if (budget?.of !== of) return void to.write(chunk);
    const part = chunk.subarray(0, budget.bytes);
    budget.bytes -= part.length;
    const { onCut } = budget;
    const isOver = budget.bytes === 0;
    if (isOver) budget = null;
    to.write(part, () => {
      if (!isOver) return;
      cut();
      onCut();
    });
  };
  const server = createServer((client) => {
    if (refusing) return void client.destroy();
    const upstream = connect(target, "127.0.0.1");
    const link: Link = { ends: [client, upstream], client: "passed", server: "passed" };
    links.add(link);
    client.on("data", (chunk) => {
      said += chunk.length;
      if (link.client === "passed") pass(chunk, "client", upstream);
    });
    upstream.on("data", (chunk) => {
      if (link.server === "passed") pass(chunk, "server", client);
    });
    for (const end of link.ends) {
      end.on("error", () => undefined);
      end.on("close", () => {
        links.delete(link);
        link.ends.forEach((other) => other.destroy());
      });
    }
  });
  await listen(server);
  onTestFinished(() => {
    cut();
    server.close();
  });
  return {
    port: (server.address() as AddressInfo).port,
    open: () => links.size,
    clientBytes: () => said,
    cut,
    cutAfter: (bytes, of = "client", onCut = () => undefined) => void (budget = { of, bytes, onCut }),
    swallowAnswers: () => links.forEach((link) => (link.server = "swallowed")),
    swallow: () => links.forEach((link) => (link.client = link.server = "swallowed")),
    refuse() {
      refusing = true;
      cut();
    },
    accept: () => void (refusing = false),
  };
}

async function listen(server: Server): Promise<void> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
}
