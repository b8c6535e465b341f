/**
 * Stands between a program and PostgreSQL, and fails as networks and servers do. It reads enough of the protocol to know when
 * a COMMIT goes by. It refuses encryption, as a server without it does.
 */
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { freePort } from "./free-port.ts";
import { type FrontendMessage, frontendReader } from "./postgres/frontend.ts";

/**
 * What can become of a COMMIT.
 *
 * - "lost": it never reaches the server, and the client's connection is cut.
 * - "done": the server gets it, and the client's connection is cut at the same moment.
 * - "late": the client's connection is cut; the server gets it when the result's `release` is called.
 * - "unanswered": the server gets it; its answer, and all that it says later, is kept from the client, which stays connected.
 * - "slow": the server gets it; its answer, and all that it says later, reaches the client when the result's `release` is called.
 * - "swallowed": neither it nor anything later reaches the server, and nothing that it says the client. Both stay connected.
 */
export type CommitFate = "lost" | "done" | "late" | "unanswered" | "slow" | "swallowed";

interface Struck {
  /** Settles when the COMMIT went by. */
  happened: Promise<void>;
  /** Settles when the client has closed the connection that was struck. */
  left: Promise<void>;
  /**
   * Of "late": lets the server have the COMMIT. Resolves when the server has ended that connection, so the COMMIT is done, unless the server
   * had ended it before. Of "slow": lets the client have the answer.
   */
  release(): Promise<void>;
}

export interface DatabaseProxy {
  /** The address of the database, by way of this. */
  url: string;
  /** How many connections were made so far, and how many there are. */
  connects(): number;
  open(): number;
  /** How many COMMITs went by so far, on any connection. */
  commits(): number;
  /**
   * Decides about the next COMMIT on any connection, after `skip` others. Default 0. `away`: from that moment on nobody listens, as
   * after `refuse`, and every other connection is cut, so that the client finds nobody however quickly it comes back, and on whatever
   * connection.
   */
  strike(fate: CommitFate, skip?: number, also?: "away"): Struck;
  /** Cuts every connection, at both ends. */
  cut(): void;
  /** Passes nothing on, in both directions, also of connections that are made meanwhile. */
  stall(): void;
  /** Ends `stall`: nothing was lost. */
  resume(): void;
  /** Nothing that is said on the connections that are there arrives any more, in both directions. They stay, and new ones are well. */
  swallow(): void;
  /** Nobody listens any more. Connections that are there stay. */
  refuse(): Promise<void>;
  /** Ends `refuse`. */
  accept(): Promise<void>;
  /**
   * Cuts the next connection that is made when so many bytes of the client went by. Default of `from`: "client". The result tells whether
   * that has happened.
   */
  cutAfter(bytes: number, from?: "client" | "server"): () => boolean;
  close(): Promise<void>;
}

/** What the connections of a proxy share. */
interface Plan {
  stalled: boolean;
  commits: number;
  strike: {
    fate: CommitFate;
    at: number;
    /** Called before the client can notice. */
    strikes(client: Socket): void;
    happened(client: Socket): void;
    ghost(finish: () => Promise<void>): void;
  } | null;
  cut: Budget | null;
}

/** How many more bytes of one side a connection passes on. */
interface Budget {
  bytes: number;
  from: "client" | "server";
}

interface Link {
  cut(): void;
  swallow(): void;
  setStalled(stalled: boolean): void;
}

/** Listens on a free port in front of the server of `url`. */
export async function databaseProxy(url: string): Promise<DatabaseProxy> {
  const target = new URL(url);
  const plan: Plan = { stalled: false, commits: 0, strike: null, cut: null };
  const links = new Map<Socket, Link>();
  let connects = 0;
  const server = createServer((client) => {
    connects++;
    links.set(
      client,
      join(client, target, plan, () => links.delete(client)),
    );
  });
  // `accept` needs it again, after a while in which nobody listens there.
  const port = await freePort();
  await listen(server, port);
  const setStalled = (stalled: boolean) => {
    plan.stalled = stalled;
    for (const link of links.values()) link.setStalled(stalled);
  };
  const cut = (except?: Socket) => {
    for (const [client, link] of links) if (client !== except) link.cut();
  };
  const leave = (struck: Socket) => {
    server.close();
    cut(struck);
  };
  return {
    url: url.replace(/@[^/]+\//, `@127.0.0.1:${port}/`),
    connects: () => connects,
    open: () => links.size,
    commits: () => plan.commits,
    strike: (fate, skip = 0, also) => strike(plan, fate, skip, also && leave),
    cut: () => cut(),
    stall: () => setStalled(true),
    resume: () => setStalled(false),
    swallow() {
      for (const link of links.values()) link.swallow();
    },
    refuse: async () => void server.close(),
    accept: () => listen(server, port),
    cutAfter(bytes, from = "client") {
      const budget: Budget = { bytes, from };
      plan.cut = budget;
      return () => budget.bytes <= 0;
    },
    async close() {
      cut();
      server.close();
    },
  };
}

async function listen(server: Server, port: number): Promise<void> {
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
}

function strike(
  plan: Plan,
  fate: CommitFate,
  skip: number,
  strikes: (client: Socket) => void = () => undefined,
): Struck {
  let finish: (() => Promise<void>) | null = null;
  const struck = new Promise<Socket>((resolve) => {
    const ghost = (given: () => Promise<void>) => void (finish = given);
    plan.strike = { fate, at: plan.commits + skip + 1, strikes, happened: resolve, ghost };
  });
  const happened = struck.then(() => undefined);
  return {
    happened,
    left: struck.then(closed),
    async release() {
      await happened;
      await finish?.();
    },
  };
}

/** Resolves when the socket is closed, however that came. */
async function closed(socket: Socket): Promise<void> {
  if (!socket.closed) await new Promise((resolve) => socket.once("close", resolve));
}

/** Connects one client to the server. */
function join(client: Socket, target: URL, plan: Plan, gone: () => void): Link {
  const server = connect(Number(target.port), target.hostname);
  const state: Ends["state"] = { deaf: false, dumb: false, orphaned: false, kept: null };
  const budget = plan.cut;
  plan.cut = null;
  const cut = () => {
    client.destroy();
    server.destroy();
  };
  /** Writes what the budget allows, and cuts when it is used up. */
  const pass = (from: "client" | "server", bytes: Buffer) => {
    const to = from === "client" ? server : client;
    if (budget === null || budget.from !== from) return void to.write(bytes);
    const allowed = bytes.subarray(0, budget.bytes);
    budget.bytes -= allowed.length;
    if (budget.bytes > 0) return void to.write(allowed);
    // What was allowed has to arrive first.
    to.end(allowed, () => setImmediate(cut));
  };
  const reader = frontendReader(() => void client.write("N"));
  const messages = messageHandler({ client, server, plan, state, pass: (bytes) => pass("client", bytes) });
  client.on("data", (chunk) => {
    if (!state.dumb) reader.read(chunk).forEach(messages);
  });
  server.on("data", (chunk) => {
    if (state.kept !== null) state.kept.push(chunk);
    else if (!state.deaf && !state.orphaned) pass("server", chunk);
  });
  client.on("close", () => {
    if (server.destroyed) gone();
    else if (!state.orphaned) server.end();
  });
  server.on("close", () => {
    // Who hears nothing any more does not hear of this either.
    if (!state.deaf) client.destroy();
    if (client.destroyed) gone();
  });
  for (const socket of [client, server]) socket.on("error", () => undefined);
  const setStalled = (stalled: boolean) => {
    for (const socket of [client, server]) {
      if (stalled) socket.pause();
      else socket.resume();
    }
  };
  if (plan.stalled) setStalled(true);
  const swallow = () => void (state.deaf = state.dumb = true);
  return { cut, swallow, setStalled };
}

interface Ends {
  client: Socket;
  server: Socket;
  plan: Plan;
  /** `deaf`: the client hears nothing; `dumb`: nor does the server hear of it. `kept`: what the server has said and the client will hear later; null: it hears all at once. */
  state: { deaf: boolean; dumb: boolean; orphaned: boolean; kept: Buffer[] | null };
  pass(bytes: Buffer): void;
}

/** Passes messages on until one of them is a COMMIT that is to be struck. */
function messageHandler(ends: Ends): (message: FrontendMessage) => void {
  const { client, server, plan, state, pass } = ends;
  let struck: NonNullable<Plan["strike"]> | null = null;
  const held: Buffer[] = [];
  let over = false;
  return (message) => {
    if (over) return;
    if (message.commits && ++plan.commits === plan.strike?.at) {
      struck = plan.strike;
      plan.strike = null;
    }
    if (struck === null) return pass(message.bytes);
    if (struck.fate === "unanswered" || struck.fate === "swallowed") state.deaf = true;
    if (struck.fate === "slow") state.kept ??= [];
    if (KEPT_FROM_SERVER.has(struck.fate)) held.push(message.bytes);
    else pass(message.bytes);
    // A COMMIT of several messages is complete with its Sync.
    if (!message.ends) return;
    const { fate, strikes, happened, ghost } = struck;
    strikes(client);
    over = fate !== "unanswered" && fate !== "slow";
    if (fate === "late") ghost(() => endWith(server, Buffer.concat(held)));
    if (fate === "done" || fate === "late") state.orphaned = true;
    if (fate === "done") void endWith(server, Buffer.alloc(0));
    if (fate === "lost") server.destroy();
    if (fate === "slow") ghost(async () => hearAll(ends));
    if (over && fate !== "swallowed") client.destroy();
    struck = null;
    happened(client);
  };
}

const KEPT_FROM_SERVER: ReadonlySet<CommitFate> = new Set(["lost", "late", "swallowed"]);

function hearAll({ client, state }: Ends): void {
  for (const chunk of state.kept ?? []) client.write(chunk);
  state.kept = null;
}

/** Sends the last bytes. The server works on them before it sees that the connection ends; only then does this resolve. */
async function endWith(server: Socket, bytes: Buffer): Promise<void> {
  server.resume();
  server.end(bytes);
  await closed(server);
}
