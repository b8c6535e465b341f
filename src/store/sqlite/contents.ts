import { createHash } from "node:crypto";
import type { Clock } from "../../time/clock.ts";
import type { Content } from "../../message.ts";
import type { Connection } from "./connection.ts";

/** Contents, each once in the job file however often it comes. */
export interface ContentTable {
  find(content: Content): number | undefined;
  /** In the transaction that is open. Returns its id. */
  store(content: Content): number;
}

export function createContentTable(db: Connection, clock: Clock): ContentTable {
  const byHash = db.prepare<[string], number>("select id from content where hash = ?").pluck();
  const insert = db.prepare<[string, string, number]>("insert into content (hash, body, created_at) values (?, ?, ?)");
  return {
    find: (content) => byHash.get(hashOf(JSON.stringify(content))),
    store(content) {
      const body = JSON.stringify(content);
      const hash = hashOf(body);
      return byHash.get(hash) ?? Number(insert.run(hash, body, clock.now()).lastInsertRowid);
    },
  };
}

function hashOf(body: string): string {
  return createHash("sha256").update(body).digest("hex");
}
