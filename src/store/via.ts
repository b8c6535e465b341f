/** Who brought the messages of requests, as a store keeps it: in the place of the file that a list would have. */
import type { Via } from "./rows.ts";

/** The name of the range of messages that this brought. Not given: a program posted them. */
export const fileOf = (via: Via | undefined): string => via ?? "api";

/** SQL for those that requests have. */
export const FILES_SQL = "('api', 'nats', 'redis', 'adopt')";

const VIAS: Readonly<Record<string, Via>> = { nats: "nats", redis: "redis", adopt: "adopt" } satisfies Record<Via, Via>;

/** Who brought the messages of a range; null: a program posted them. */
export const viaOf = (file: string): Via | null => VIAS[file] ?? null;
