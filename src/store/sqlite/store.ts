import { existsSync } from "node:fs";
import type { Clock } from "../../time/clock.ts";
import { createClaims } from "./claims.ts";
import { UserError } from "../../errors.ts";
import { type Connection, createSchema, explain, openConnection, pinging } from "./connection.ts";
import { Database } from "./driver.ts";
import { events } from "./events.ts";
import { ingests } from "./lists.ts";
import { lazily } from "./lazily.ts";
import { reading } from "./read.ts";
import type { Store } from "../store.ts";
import { suppressions } from "./suppressions.ts";
import { topicActions } from "./topics.ts";

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
    const source = createClaims(job);
    const jobId = db.prepare<[], string>("select id from job").pluck().get() ?? "";
    const store = {
      jobId,
      ...source,
      ...ingests(job),
      ...topicActions(job),
      ...events(job, jobId),
      ...suppressions(job),
      ...reading(db),
      ...laterParts(job),
      ...pinging(db, clock),
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
    ...lazily<Pick<Store, "breakdown">>(["breakdown"], async () => (await import("./breakdown.ts")).breakdowns(db)),
    ...lazily<Pick<Store, "accept" | "earlier" | "knownUuids" | "accepted" | "forgetAnswers">>(
      ["accept", "earlier", "knownUuids", "accepted", "forgetAnswers"],
      async () => (await import("./accept.ts")).accepting(job),
    ),
    ...lazily<Pick<Store, "applyVisits">>(["applyVisits"], async () => (await import("./visits.ts")).visits(job)),
    ...lazily<Pick<Store, "addKey" | "keys" | "revokeKey" | "signingKeys" | "rotateSigningKey">>(
      ["addKey", "keys", "revokeKey", "signingKeys", "rotateSigningKey"],
      async () => (await import("./keys.ts")).keys(job),
    ),
    ...lazily<Pick<Store, "backup">>(["backup"], async () => (await import("./backup.ts")).backups(db)),
  };
}
