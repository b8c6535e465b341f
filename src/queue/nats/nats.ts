/** NATS JetStream: streams that are read as queues, and messages that are put into them. */
import { readFileSync } from "node:fs";
import { UserError } from "../../errors.ts";
import type { Queue } from "../queue.ts";
import type { NatsDelivery } from "./delivery.ts";
import type { Published, PublishOptions } from "./publish.ts";
import type { Where } from "./setup.ts";
import { type NatsPlace, type NatsSettings, readCreds, readPlace } from "./settings.ts";

export type { NatsDelivery } from "./delivery.ts";
export type { Published } from "./publish.ts";
export type { NatsSettings } from "./settings.ts";

/** One connection, and all that uses it. */
export interface Nats {
  /**
   * Reads a durable consumer; stream and consumer are made when they are missing. Closing the queue leaves the connection.
   *
   * `receive` rejects with `UserError` for what is wrong before the first message could be read: who we are, no JetStream, a
   * consumer that we cannot read. Whatever goes wrong later is `QueueUnreachable`.
   * @throws UserError for a name that none of them can have.
   */
  queue(where: Where): Queue<NatsDelivery>;
  /** Puts one message into the stream that takes this subject; makes one when `stream` says so. Never rejects because of the server. */
  publish(subject: string, body: Uint8Array, options: PublishOptions): Promise<Published>;
  isConnected(): boolean;
  /** Lets what was acknowledged arrive, and ends the connection. Takes no more than some seconds. */
  close(): Promise<void>;
}

/**
 * Connects in the background, and again for ever: the server may be down. `tell` gets one line for each change: the server is
 * away, it is back, what a stream may do to mail, what was made.
 * @throws UserError for an address or a file of credentials that cannot be used.
 */
export async function openNats(settings: NatsSettings, tell: (text: string) => void): Promise<Nats> {
  const place = readPlace(settings.servers);
  const creds = settings.credsFile === null ? null : await credsReader(settings.credsFile);
  return connected(place, creds, tell);
}

/** The libraries are loaded here: who does not use NATS does not wait for them. */
async function connected(
  place: NatsPlace,
  creds: (() => Uint8Array) | null,
  tell: (text: string) => void,
): Promise<Nats> {
  const [{ Link, checkCreds }, { NatsQueue }, { publishOn }, { makeMissingStream }] = await Promise.all([
    import("./link.ts"),
    import("./queue.ts"),
    import("./publish.ts"),
    import("./setup.ts"),
  ]);
  if (creds !== null) checkCreds(creds);
  const warn = onlyNews(tell);
  const link = new Link({ place, creds, tell });
  const queues = new Set<Queue<NatsDelivery>>();
  return {
    queue(where) {
      checkNames(where);
      const queue = new NatsQueue({ link, where, tell, warn });
      queues.add(queue);
      return queue;
    },
    async publish(subject, body, options) {
      const { current } = link;
      if (current === null) return { kind: "refused", reason: link.why(), why: "away" };
      const published = await publishOn(current.nats, subject, body, options);
      const { stream } = options;
      if (stream === undefined || published.kind !== "refused" || published.why !== "no-stream") return published;
      const problem = await makeMissingStream(current.nats, { stream, subject }, tell);
      if (problem === null) return publishOn(current.nats, subject, body, options);
      const { reason, isAway } = problem;
      return {
        ...published,
        reason: `${published.reason}, and none can be made: ${reason}`,
        ...(isAway && { why: "away" }),
      };
    },
    isConnected: () => link.current !== null,
    async close() {
      await Promise.all([...queues].map((queue) => queue.close()));
      await link.close();
    },
  };
}

/** A warning is told once, although streams are looked at after each reconnect. */
function onlyNews(tell: (text: string) => void): (text: string) => void {
  let last = new Set<string>();
  return (text) => {
    if (last.has(text)) return;
    // What was told long ago may be told again; no list grows for ever.
    if (last.size >= 1_000) last = new Set();
    last.add(text);
    tell(text);
  };
}

/** The file may be written anew while we run; a version that cannot be read, or is half written, does not count. */
async function credsReader(path: string): Promise<() => Uint8Array> {
  let last: Uint8Array = await readCreds(path);
  return () => {
    try {
      const now = readFileSync(path);
      if (now.includes("USER NKEY SEED")) last = now;
    } catch {
      // The last one may still be good; if it is not, the server says so.
    }
    return last;
  };
}

function checkNames({ stream, subject, consumer }: Where): void {
  for (const [what, name] of [
    ["stream", stream],
    ["consumer", consumer],
  ] as const)
    if (!/^[^\s.*>/\\]+$/.test(name))
      throw new UserError(
        `${JSON.stringify(name)} cannot be the name of a NATS ${what}`,
        "it has no spaces, dots, *, >, / or \\",
      );
  if (!/^[^\s.]+(\.[^\s.]+)*$/.test(subject))
    throw new UserError(
      `${JSON.stringify(subject)} cannot be a NATS subject`,
      "write words with dots between them, such as messages.email",
    );
}
