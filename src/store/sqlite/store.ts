import { existsSync } from "node:fs";
import type { Clock } from "../../time/clock.ts";
import { claims } from "./claims.ts";
import { UserError } from "../../errors.ts";
import { type Connection, createSchema, explain, openConnection, createPing } from "./connection.ts";
import { Database } from "./driver.ts";
import { createEventSink } from "./events.ts";
import { createLists } from "./lists.ts";
import { lazily } from "./lazily.ts";
import { createReader } from "./read.ts";
import type { Store } from "../store.ts";
import { createSuppressions } from "./suppressions.ts";
import { createTopicActions } from "./topics.ts";

/**
 * Opens (or creates) the job file at `path` and takes in what processes that died left behind.
 * `onWait` hears how many milliseconds we have waited for another process that holds the file, now and then.
 * @throws UserError when the path cannot be a job file.
 */
export async function openStore(
  path: string,
  clock: Clock,
  onWait: (waitedMs: number) => void = () => undefined,
): Promise<Store & { recovered: number }> {
  return assemble(openConnection(path), clock, onWait);
}

/** A store without a file: for a dry run where there is no job file yet. */
export async function openScratchStore(clock: Clock): Promise<Store> {
  const db = new Database("");
  createSchema(db);
  return assemble(db, clock, () => undefined);
}

/** @throws UserError when there is no job file at `path`: commands that only look must not make one. */
export function requireJobFile(path: string): void {
  if (!existsSync(path)) {
    throw new UserError(`there is no job file ${path}`, "is --db right? import or send creates it");
  }
}

async function assemble(
  db: Connection,
  clock: Clock,
  onWait: (waitedMs: number) => void,
): Promise<Store & { recovered: number }> {
  try {
    const job = { db, clock, onWait };
    const source = claims(job);
    const jobId = db.prepare<[], string>("select id from job").pluck().get() ?? "";
    const store = {
      jobId,
      ...source,
      ...createLists(job),
      ...createTopicActions(job),
      ...createEventSink(job, jobId),
      ...createSuppressions(job),
      ...createReader(db),
      ...laterParts(job),
      ...createPing(db, clock),
      close() {
        source.leave();
        db.close();
      },
    };
    return { ...store, recovered: await store.recover() };
  } catch (error) {
    db.close();
    throw explain(error, db.name);
  }
}

function laterParts(job: { db: Connection; clock: Clock; onWait: (waitedMs: number) => void }) {
  const { db } = job;
  return {
    ...lazily<Pick<Store, "breakdown">>(["breakdown"], async () =>
      (await import("./breakdown.ts")).createBreakdown(db),
    ),
    ...lazily<Pick<Store, "accept" | "earlier" | "knownUuids" | "accepted" | "forgetAnswers">>(
      ["accept", "earlier", "knownUuids", "accepted", "forgetAnswers"],
      async () => (await import("./accept.ts")).createInbox(job),
    ),
    ...lazily<Pick<Store, "applyVisits">>(["applyVisits"], async () =>
      (await import("./visits.ts")).createVisitSink(job),
    ),
    ...lazily<Pick<Store, "addKey" | "keys" | "revokeKey" | "signingKeys" | "rotateSigningKey">>(
      ["addKey", "keys", "revokeKey", "signingKeys", "rotateSigningKey"],
      async () => (await import("./keys.ts")).createKeys(job),
    ),
    ...lazily<Pick<Store, "backup">>(["backup"], async () => (await import("./backup.ts")).createBackup(db)),
  };
}
