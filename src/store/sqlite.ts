import type { Clock } from "../clock.ts";
import { claims } from "./claims.ts";
import { explain, openConnection } from "./connection.ts";
import { ingests } from "./ingest.ts";
import { reading } from "./read.ts";
import type { Store } from "./store.ts";
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
  const db = openConnection(path);
  try {
    const job = { db, clock, onWait };
    const source = claims(job);
    const store = {
      jobId: db.prepare<[], string>("select id from job").pluck().get() ?? "",
      ...source,
      ...ingests(job),
      ...topicActions(job),
      ...reading(db),
      close() {
        source.leave();
        db.close();
      },
    };
    return { ...store, recovered: await store.recover() };
  } catch (error) {
    db.close();
    throw explain(error, path);
  }
}
