/** Stands between a program and a server, and fails as networks do. It knows no protocol. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { onTestFinished } from "vitest";

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
  /** Decides about the next connection on which the client says this. Resolves when it did. */
  strike(text: string, fate: Fate): Promise<void>;
  /** From now on the client is told `by` instead of `text`. */
  replace(text: string, by: string): void;
  /** What the server says on the connections that are there does not arrive any more. It hears all. New ones are well. */
  swallowAnswers(): void;
  /** Nothing arrives any more on the connections that are there, in both directions. They stay. New ones are well. */
  swallow(): void;
  /** Connections are cut as soon as they are made, as when nobody listens, and those that are there as well. */
  refuse(): void;
  /** Ends `refuse`. */
  accept(): void;
  /** Cuts every connection and listens no more. The end of the test does so, too. */
  close(): Promise<void>;
}

type Side = "client" | "server";

/** What the connections of a proxy share. */
interface Plan {
  said: number;
  /** How many bytes of one side still go by before all is cut; null: no limit. */
  budget: { of: Side; bytes: number; onCut(): void } | null;
  strike: { text: string; fate: Fate; happened(): void } | null;
  replaced: { text: string; by: string } | null;
}

interface Link {
  client: Socket;
  server: Socket;
  /** What becomes of what each side says. */
  fates: { client: "passed" | "swallowed"; server: "passed" | "swallowed" };
}

/** Listens on a free port in front of the server on `target`, for as long as the test takes. */
export async function strikingProxy(target: number): Promise<StrikingProxy> {
  const links = new Set<Link>();
  const plan: Plan = { said: 0, budget: null, strike: null, replaced: null };
  let refusing = false;
  const cut = () => links.forEach(end);
  const server = createServer((client) => {
    if (refusing) return void client.destroy();
    const link: Link = {
      client,
      server: connect(target, "127.0.0.1"),
      fates: { client: "passed", server: "passed" },
    };
    links.add(link);
    join(link, plan, { cut, gone: () => links.delete(link) });
  });
  await listen(server);
  const close = async () => {
    server.close();
    cut();
  };
  onTestFinished(close);
  return {
    port: (server.address() as AddressInfo).port,
    open: () => links.size,
    clientBytes: () => plan.said,
    cut,
    cutAfter: (bytes, of = "client", onCut = () => undefined) => void (plan.budget = { of, bytes, onCut }),
    strike: (text, fate) => new Promise((happened) => (plan.strike = { text, fate, happened })),
    replace: (text, by) => void (plan.replaced = { text, by }),
    swallowAnswers: () => links.forEach(({ fates }) => (fates.server = "swallowed")),
    swallow: () => links.forEach(({ fates }) => (fates.client = fates.server = "swallowed")),
    refuse() {
      refusing = true;
      cut();
    },
    accept: () => void (refusing = false),
    close,
  };
}

async function listen(server: Server): Promise<void> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
}

function end({ client, server }: Link): void {
  client.destroy();
  server.destroy();
}

/** Passes on what both ends say, as the plan has it. `cut`: all connections. */
function join(link: Link, plan: Plan, { cut, gone }: { cut(): void; gone(): void }): void {
  const { client, server, fates } = link;
  client.on("data", (chunk) => {
    plan.said += chunk.length;
    if (fates.client === "swallowed") return;
    const { strike } = plan;
    if (strike !== null && chunk.includes(strike.text)) return struck(link, plan, { strike, chunk });
    pass(plan, { chunk, of: "client", to: server, cut });
  });
  server.on("data", (chunk) => {
    if (fates.server === "passed") pass(plan, { chunk: answered(plan, chunk), of: "server", to: client, cut });
  });
  // Bytes that were written arrive before the end.
  client.on("close", () => server.end());
  server.on("close", () => client.destroy());
  for (const socket of [client, server]) {
    socket.on("error", () => undefined);
    socket.on("close", gone);
  }
}

/** Passes on what one side says, or what may go by of it before everything is cut. */
function pass(plan: Plan, { chunk, of, to, cut }: { chunk: Buffer; of: Side; to: Socket; cut(): void }): void {
  const { budget } = plan;
  if (budget?.of !== of) return void to.write(chunk);
  const part = chunk.subarray(0, budget.bytes);
  budget.bytes -= part.length;
  const isOver = budget.bytes === 0;
  if (isOver) plan.budget = null;
  to.write(part, () => {
    if (!isOver) return;
    cut();
    budget.onCut();
  });
}

function answered({ replaced }: Plan, chunk: Buffer): Buffer {
  if (replaced === null) return chunk;
  return Buffer.from(chunk.toString("latin1").replaceAll(replaced.text, replaced.by), "latin1");
}

function struck(
  link: Link,
  plan: Plan,
  { strike, chunk }: { strike: NonNullable<Plan["strike"]>; chunk: Buffer },
): void {
  plan.strike = null;
  link.fates.client = link.fates.server = "swallowed";
  if (strike.fate === "done") {
    link.server.write(chunk);
    link.client.destroy();
  }
  if (strike.fate === "lost") end(link);
  strike.happened();
}
