/** Inlets that take dead letters in again, as those of their brokers did, and need no broker. */
import { createInlet, type InletParts, noCounts } from "../../intake/broker/inlet.ts";
import { readNatsMail } from "../../intake/broker/nats-mail.ts";
import { REDIS_NOT_ASKED } from "../../intake/broker/job-templates.ts";
import { createRedisReader } from "../../intake/broker/redis-job.ts";
import type { RequestSurroundings } from "../../intake/request.ts";
import type { TemplateShelf } from "../../intake/templates.ts";
import type { Handler } from "../../queue/consume.ts";
import type { Delivery } from "../../queue/queue.ts";
import type { DeadLetter } from "../../store/rows.ts";
import type { Store } from "../../store/store.ts";

/** A letter as its broker delivered it. */
export interface Again extends Delivery {
  readonly body: Uint8Array;
  readonly extras: string | null;
  /** When a job of Redis was added, ms since the epoch. */
  readonly at: number;
}

/** What the inlets work with. */
export interface DeadInletParts extends Pick<
  InletParts<Again>,
  "inbox" | "clock" | "signal" | "onStored" | "onTrouble"
> {
  store: Store;
  /** What is known of the mail beside the letters. */
  surroundings: Omit<RequestSurroundings, "templates" | "knownUuids">;
  /** Those that jobs of Redis name. */
  templates: TemplateShelf;
  /** Whether those who publish to NATS are told what becomes of their mail. */
  reports: boolean;
}

/** Gives the inlet for letters of a broker; for Redis, of the stream that this one came from. */
export type DeadInlets = (source: "nats" | "redis", origin: string) => Handler<Again>;

/** Makes the inlets. Each waits for a store that is away, as `createInlet` says. */
export function deadInlets({ surroundings, templates, reports, ...parts }: DeadInletParts): DeadInlets {
  const { store } = parts;
  const knownUuids = (uuids: readonly string[]) => store.knownUuids(uuids);
  // Who cannot look into Redis knows less of such a letter than its inlet did, so what is kept of it stays.
  const keepDead: Store["keepDead"] = async (letters) => {
    const news = letters.filter(({ reason }) => !reason.endsWith(REDIS_NOT_ASKED));
    return news.length === 0 ? 0 : store.keepDead(news);
  };
  return (source, origin) => {
    const readJob = createRedisReader({ stream: streamOf(origin) });
    return createInlet<Again>({
      ...parts,
      store: {
        messagesNamed: (uuid, limit) => store.messagesNamed(uuid, limit),
        mailParts: (id) => store.mailParts(id),
        keepDead,
      },
      source,
      read: source === "nats" ? (delivery) => readNatsMail(delivery, { reports }) : readJob,
      extrasOf: ({ extras }) => extras,
      surroundings: () => ({ ...surroundings, templates, knownUuids }),
      counts: noCounts(),
    });
  };
}

/** The letter as it came. */
export function deliveryOf({ origin, body, extras, receivedAt }: DeadLetter): Again {
  return { id: origin, body, extras, at: addedAt(origin) ?? receivedAt };
}

/** The id of an entry of a stream, whose first number is when it was added. A store may have numbered letters with the same id. */
const ENTRY = /#(\d{1,15})-\d+(?: \(\d+\))?$/;

/** The stream of Redis from whose entries or sets a letter came. */
export function streamOf(origin: string): string {
  const place = origin.slice(0, Math.max(0, origin.lastIndexOf("#")));
  return ENTRY.test(origin) ? place : place.replace(/:(?:priority|delayed)$/, "");
}

function addedAt(origin: string): number | null {
  const entry = ENTRY.exec(origin)?.[1];
  return entry === undefined ? null : Number(entry);
}
