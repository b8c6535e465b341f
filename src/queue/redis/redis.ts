/** Redis as a broker of mail jobs: a stream with a group of consumers, and sets beside it. */
import { UserError } from "../../errors.ts";
import type { Queue } from "../queue.ts";
import { type Address, parseRedisUrl } from "./address.ts";
import { Connection, type ConnectionParts } from "./connection.ts";
import { Burial } from "./dead.ts";
import type { RedisDelivery } from "./entries.ts";
import { inspect, openLine } from "./greeting.ts";
import { keysOf } from "./keys.ts";
import { type ClientClass, type Line, loadClient } from "./line.ts";
import { SetsQueue } from "./sets.ts";
import { StreamQueue, type StreamTimes } from "./stream.ts";
import { createProgress, readTemplate, setStatus, type Status } from "./telling.ts";

export type { RedisDelivery } from "./entries.ts";

/** Which stream to read, and as whom. */
export interface RedisSettings {
  /** As `parseRedisUrl` reads it. */
  url: string;
  stream: string;
  /** Made when it is missing, from the first entry on. */
  group: string;
  /** Our name in the group: the same after a restart, and another one than all other workers have. */
  consumer: string;
  /** What was given out more often and never acknowledged has `RedisDelivery.overdue`. */
  mostDeliveries: number;
}

/** A server that jobs come from. Everything rejects as `Queue` says. */
export interface Redis {
  /**
   * The stream. After a crash its entries come again: at once to the same consumer, and after a minute to any. What is
   * refused moves to the stream `<stream>:dlq` (of which the last 100,000 are kept).
   */
  readonly stream: Queue<RedisDelivery>;
  /**
   * Jobs in `<stream>:priority` and `<stream>:delayed`, whose hash is `email:job:<id>`. It is not held to "nobody else gets
   * these deliveries": several workers may be given the same job.
   */
  readonly sets: Queue<RedisDelivery>;
  /** Sets `email:status:<id>` for a day. */
  setStatus(statuses: readonly Status[]): Promise<void>;
  /**
   * Publishes on `email:progress:<issueId>`: `{"completed","total","percentage"}`. Without the right to that channel nothing is published,
   * which is told once: statuses must not wait for it.
   */
  progress(issueId: string, told: { completed: number; total: number }): Promise<void>;
  /** The text of `template:<name>`; null when there is none, and a problem when that key holds something else. */
  template(name: string): Promise<string | { problem: string } | null>;
  /** True while commands can be sent. */
  isConnected(): boolean;
  /** Gives back what is in hand and ends the connections. */
  close(): Promise<void>;
}

/** A worker that is alive acknowledges in seconds, or its store is away, and then nobody else can accept mail, either. */
const TIMES: StreamTimes = { idleMs: 60_000, sweepMs: 30_000, forgetMs: 86_400_000 };

/**
 * Connects in the background, for ever: Redis may be down at the start. `tell` is given one line each time Redis goes away
 * or comes back, for each setting of the server that may lose jobs, and for each loss that is noticed. `times`: others for
 * tests.
 *
 * A password that is wrong, or a server that is too old, is a UserError of every method as long as nothing has worked yet.
 * Later it is trouble that may pass.
 * @throws UserError when a setting cannot be used.
 */
export async function openRedis(
  settings: RedisSettings,
  tell: (text: string) => void,
  times: StreamTimes = TIMES,
): Promise<Redis> {
  const address = parseRedisUrl(settings.url);
  const { stream, group, consumer, mostDeliveries } = settings;
  for (const [what, name] of Object.entries({ stream, group, consumer }))
    if (name === "") throw new UserError(`the name of the Redis ${what} is empty`, "leave it out for the default");
  const { reads, asks } = connections(await loadClient(), address, tell);
  const keys = keysOf(stream);
  const where = { stream, group, consumer };
  const burial = new Burial(keys, tell);
  const queue = new StreamQueue({ keys, where, mostDeliveries, times, reads, asks, burial, tell });
  return {
    stream: queue,
    sets: new SetsQueue({ keys, asks, burial, idleMs: times.idleMs, tell }),
    setStatus: (statuses) => setStatus(asks, keys, statuses),
    progress: createProgress({ keys, asks, tell }),
    template: (name) => readTemplate(asks, name),
    isConnected: () => reads.isOpen && asks.isOpen,
    async close() {
      await queue.close();
      asks.close();
    },
  };
}

/** Where the templates of jobs are. */
export interface RedisTemplates extends Pick<Redis, "template"> {
  /** Ends the connection. */
  close(): void;
}

/**
 * Connects as `openRedis` does, for templates only. `template` rejects as there.
 * @throws UserError for an address that cannot be used.
 */
export async function openRedisTemplates(url: string): Promise<RedisTemplates> {
  const address = parseRedisUrl(url);
  const Client = await loadClient();
  const ignore = () => undefined;
  const open = (signal: AbortSignal) => openLine(Client, address, signal);
  const asks = new Connection({ place: address.shown, open, onOpen: ignore, onAway: ignore });
  return { template: (name) => readTemplate(asks, name), close: () => asks.close() };
}

interface Connections {
  /** For reads that block. */
  reads: Connection;
  asks: Connection;
}

/** Both connections. What happens to them is told once, and once more when it turns out that the server is there and refuses us. */
function connections(Client: ClientClass, address: Address, tell: (text: string) => void): Connections {
  const place = address.shown;
  const warned = new Set<string>();
  let isAway = false;
  let isToldRefused = false;
  const onAway: ConnectionParts["onAway"] = ({ message, hint }, isRefused) => {
    const advice = isRefused && hint !== null ? `; ${hint}` : "";
    if (!isAway || (isRefused && !isToldRefused)) tell(`redis: ${message}${advice}. It is tried again until it works.`);
    isAway = true;
    isToldRefused ||= isRefused;
  };
  const onOpen = () => {
    if (isAway && both.reads.isOpen && both.asks.isOpen) {
      isAway = isToldRefused = false;
      tell(`redis: connected to ${place} again`);
    }
  };
  const warn = async (line: Line) => {
    const warnings = await inspect(line, address);
    for (const warning of warnings) if (!warned.has(warning)) tell(warning);
    warned.clear();
    for (const warning of warnings) warned.add(warning);
  };
  const open = (signal: AbortSignal) => openLine(Client, address, signal);
  const openAndWarn = (signal: AbortSignal) => openLine(Client, address, signal, warn);
  const both = {
    reads: new Connection({ place, open, onOpen, onAway }),
    asks: new Connection({ place, open: openAndWarn, onOpen, onAway }),
  };
  return both;
}
