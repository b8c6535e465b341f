/** A few connections to the database, shared by what one process does at the same time. */
import type { Duplex } from "node:stream";
import pg from "pg";
import { UserError } from "../../errors.ts";
import type { Clock } from "../../time/clock.ts";
import type { Address, Host } from "./address.ts";
import { briefly } from "./answers.ts";
import { passwordFor } from "./password.ts";
import { codeOf, isAway, isCrowded } from "./trouble.ts";

/** An open connection. */
export interface Link {
  client: pg.Client;
  /** True: a pooler stands between us and the server, so nothing may be left in the session. */
  isPooled: boolean;
  /** True: the server ends statements after a while, unless a transaction asks it not to. */
  limitsStatements: boolean;
  /** Asks on another connection whether the server works on what this one was told. True when that cannot be known. */
  isWorking(): Promise<boolean>;
}

/** What a connection is used for. Questions never take the last connection from writes. */
type Purpose = "read" | "write";

/** The connections of one store. */
export interface Pool {
  /** A free connection, a new one, or the next that is given back. Rejects with the error of the connection that could not be made. */
  take(purpose: Purpose): Promise<Link>;
  /** Gives a connection back. `isBroken`: it is closed, because nobody knows what it is doing. */
  give(link: Link, isBroken: boolean): void;
  /** A connection beside the others, for COPY or LISTEN, to this address or another one. The caller ends it. Not pipelined. */
  extra(other?: Address): Promise<pg.Client>;
  /** How many connections were made. */
  connects(): number;
  /** True while the server has little room left. Then we make do with few connections, so that other processes get one. */
  isScarce(): boolean;
  /** True once it is being closed. */
  isClosed(): boolean;
  close(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 10_000;
/** How long to wait for the server to end a connection. After that it is cut. */
const END_MS = 1_000;
/** The oldest server that has all we need. */
const OLDEST_SERVER = 140_000;
/** A server whose connections are taken to this part is crowded. */
const CROWDED = 0.7;
/** We look at most this often. */
const LOOK_MS = 2_000;
/** For so long after a look, or after "no room for another connection", we make do with few. */
const SCARCE_MS = 10_000;
const SCARCE_CONNECTIONS = 2;
/** An idle connection is closed after so long; while they are scarce, all but one are closed at once. */
const IDLE_MS = 60_000;
const SCARCE_IDLE_MS = 1_000;

const CROWD = `select (select count(*) from pg_stat_activity where backend_type = 'client backend')
  > ${CROWDED} * current_setting('max_connections')::int as crowded`;

/** int8 as a number: ids and times stay far below 2^53. All other types as pg reads them. */
const TYPES = {
  getTypeParser: ((oid: number, format?: "text" | "binary") =>
    oid === 20 ? Number : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
};

/** Makes a pool of `most` connections, 2 or more. Connects when the first one is asked for. */
export function createPool(address: Address, most: number, clock: Clock): Pool {
  const idle: Link[] = [];
  const waiting: { purpose: Purpose; got: (link: Link | null) => void }[] = [];
  const taken = new Map<Link, Purpose>();
  let opening = 0;
  let connects = 0;
  let reading = 0;
  let scarceUntil = Number.NEGATIVE_INFINITY;
  let lookedAt = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const idleSince = new WeakMap<Link, number>();
  let isClosed = false;

  const isScarce = (): boolean => clock.monotonic() < scarceUntil;
  const limit = (): number => (isScarce() ? Math.min(most, SCARCE_CONNECTIONS) : most);

  const drop = (link: Link): void => {
    const at = idle.indexOf(link);
    if (at >= 0) idle.splice(at, 1);
    end(link.client);
  };
  /** Closes idle connections that others may need more. */
  const tidy = (): void => {
    const oldest = performance.now() - (isScarce() ? SCARCE_IDLE_MS : IDLE_MS);
    while (isScarce() && idle.length > 1) idle.splice(0, 1).forEach(drop);
    idle.filter((link) => (idleSince.get(link) ?? 0) <= oldest).forEach(drop);
    clearTimeout(timer);
    if (idle.length > 0) timer = setTimeout(tidy, isScarce() ? SCARCE_IDLE_MS : IDLE_MS).unref();
  };
  /** A process that found no room cannot tell the others, so each of them looks. */
  const look = ({ client }: Link): void => {
    if (performance.now() - lookedAt < LOOK_MS) return;
    lookedAt = performance.now();
    briefly<{ crowded: boolean }>(client, CROWD)
      .then(([seen]) => {
        if (seen?.crowded === true) scarceUntil = clock.monotonic() + SCARCE_MS;
        tidy();
      })
      .catch(() => undefined);
  };
  const open = async (): Promise<Link> => {
    connects++;
    const link = await connectLink(address);
    link.client.on("error", () => {
      drop(link);
    });
    return link;
  };
  const mayRead = (): boolean => reading < limit() - 1;
  const wake = (): void => {
    const at = waiting.findIndex(({ purpose }) => purpose === "write" || mayRead());
    if (at >= 0) waiting.splice(at, 1)[0]?.got(null);
  };
  const settle = (link: Link, purpose: Purpose): Link => {
    taken.set(link, purpose);
    return link;
  };

  const attempt = async (purpose: Purpose): Promise<Link | null> => {
    if (purpose === "read" && !mayRead()) return null;
    if (purpose === "read") reading++;
    try {
      const found = idle.pop();
      if (found !== undefined) return settle(found, purpose);
      if (taken.size + opening < limit()) {
        opening++;
        try {
          return settle(await open(), purpose);
        } finally {
          opening--;
        }
      }
    } catch (error) {
      if (purpose === "read") reading--;
      if (isCrowded(error)) scarceUntil = clock.monotonic() + SCARCE_MS;
      // Others of ours have a connection: wait for that.
      if (isCrowded(error) && taken.size > 0) return null;
      wake();
      throw error;
    }
    if (purpose === "read") reading--;
    return null;
  };

  return {
    async take(purpose) {
      for (;;) {
        if (isClosed) throw new Error("the store is closed");
        const link = await attempt(purpose);
        if (link !== null) return link;
        await new Promise<Link | null>((got) => waiting.push({ purpose, got }));
      }
    },
    give(link, isBroken) {
      if (taken.get(link) === "read") reading--;
      taken.delete(link);
      if (isBroken || isClosed) end(link.client);
      else {
        idle.push(link);
        idleSince.set(link, performance.now());
        look(link);
        tidy();
      }
      wake();
    },
    extra: (other = address) => connectAny(other, false),
    connects: () => connects,
    isScarce,
    isClosed: () => isClosed,
    async close() {
      isClosed = true;
      clearTimeout(timer);
      for (const { got } of waiting.splice(0)) got(null);
      await Promise.all(idle.splice(0).map(({ client }) => ended(client)));
    },
  };
}

/** Ends a connection without waiting for it. A server that is gone must not hold us up. */
export function end(client: pg.Client): void {
  void ended(client);
}

/** Resolves when the connection is gone, which takes a second at most. */
async function ended(client: pg.Client): Promise<void> {
  client.on("error", () => undefined);
  const { stream } = client.connection as unknown as { stream: Duplex };
  const hurry = setTimeout(() => stream.destroy(), END_MS).unref();
  await client.end().catch(() => undefined);
  clearTimeout(hurry);
}

async function connectLink(address: Address): Promise<Link> {
  const client = await connectAny(address, true);
  try {
    const [session] = await briefly<{ pid: number; limited: boolean }>(
      client,
      "select pg_backend_pid() as pid, current_setting('statement_timeout') <> '0' as limited",
    );
    // A pooler makes up the process id that it tells its clients.
    const isPooled = session?.pid !== (client as unknown as { processID: number }).processID;
    const isWorking = () => (isPooled ? Promise.resolve(true) : works(address, session.pid));
    return { client, isPooled, limitsStatements: session?.limited === true, isWorking };
  } catch (error) {
    end(client);
    throw error;
  }
}

async function works(address: Address, pid: number): Promise<boolean> {
  let asked: pg.Client | null = null;
  try {
    asked = await connectAny(address, false);
    const sql = "select state = 'active' as working from pg_stat_activity where pid = $1";
    const [seen] = await briefly<{ working: boolean }>(asked, sql, [pid]);
    return seen?.working === true;
  } catch (error) {
    // Without room for another connection, for example, nobody knows.
    return !isAway(error);
  } finally {
    if (asked !== null) end(asked);
  }
}

/** Connects to the first of the hosts that answers and can be written to. */
async function connectAny(address: Address, pipeline: boolean): Promise<pg.Client> {
  let last: unknown = null;
  for (const host of address.hosts) {
    try {
      return await connect(address, host, pipeline);
    } catch (error) {
      const isElsewhere = isAway(error) || codeOf(error) === "25006" || isCrowded(error);
      if (!isElsewhere) throw error;
      // A standby tells more than a server that is not there.
      if (last === null || codeOf(error) === "25006") last = error;
    }
  }
  // One of several may become the primary any moment: that is what they are for.
  throw last instanceof Standby && address.hosts.length > 1 ? new NoPrimary() : last;
}

async function connect(address: Address, at: Host, pipeline: boolean): Promise<pg.Client> {
  const { host, port } = at;
  const { user, database, ssl } = address;
  const client = new pg.Client({
    host,
    port,
    user,
    // Asked when the server wants one.
    password: () => passwordFor(address, at),
    database,
    ssl,
    pipeline,
    application_name: "ses-mail",
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    types: TYPES,
  });
  // Without a listener the error of an idle connection would end the process.
  client.on("error", () => undefined);
  try {
    await client.connect();
    await checkServer(client, address.displayed);
    return client;
  } catch (error) {
    end(client);
    throw error;
  }
}

async function checkServer(client: pg.Client, name: string): Promise<void> {
  const [server] = await briefly<{ version: number; standby: boolean; encoding: string }>(
    client,
    `select current_setting('server_version_num')::int as version, pg_is_in_recovery() as standby,
       current_setting('server_encoding') as encoding`,
  );
  const { version = 0, standby = false, encoding = "" } = server ?? {};
  if (version < OLDEST_SERVER) {
    const known = Math.floor(version / 10_000);
    throw new UserError(`the database ${name} is PostgreSQL ${known}, ses-mail needs 14 or newer`, "update the server");
  }
  if (encoding !== "UTF8") {
    throw new UserError(
      `the database ${name} has the encoding ${encoding}, ses-mail needs UTF8`,
      "create another one: createdb --encoding=UTF8 --template=template0 …",
    );
  }
  if (standby) throw new Standby();
}

/** Some of the servers answer, and none can be written to. */
class NoPrimary extends Error {
  readonly code = "NO_PRIMARY";

  constructor() {
    super("none of its servers can be written to");
  }
}

/** Stands for the server's own error, which would come with the first write. */
class Standby extends Error {
  readonly code = "25006";

  constructor() {
    super("the server is a read-only standby");
  }
}
