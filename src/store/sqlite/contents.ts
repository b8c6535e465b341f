/** Keeps each content once. */
import { hash as digest } from "node:crypto";
import type { Clock } from "../../time/clock.ts";
import { type Content, type Kind, kindOf } from "../../message.ts";
import type { Connection } from "./connection.ts";

/** The contents of a job file, each once. */
export interface ContentTable {
  /** The id of the content; undefined: it is not in the job file. */
  find(content: Content): number | undefined;
  /** Keeps the content unless it is there already. Returns its id. To be called in a transaction. */
  store(content: Content): number;
  /** The same, with its hash. */
  keep(content: Content): { id: number; hash: string };
}

/** Makes the table of contents of a job file. */
export function createContentTable(db: Connection, clock: Clock): ContentTable {
  const byHash = db.prepare<[string], number>("select id from content where hash = ?").pluck();
  const insert = db.prepare<[string, string, number, string | null, Kind]>(
    "insert into content (hash, body, created_at, list, kind) values (?, ?, ?, ?, ?)",
  );
  // Many messages of a request may share one content, and it may be large. A content is never changed.
  const hashes = new WeakMap<Content, string>();
  const keep = (content: Content) => {
    const known = hashes.get(content);
    const kept = known === undefined ? undefined : byHash.get(known);
    if (known !== undefined && kept !== undefined) return { id: kept, hash: known };
    const body = JSON.stringify(content);
    const hash = hashOf(body);
    const id =
      byHash.get(hash) ??
      Number(insert.run(hash, body, clock.now(), content.list ?? null, kindOf(content)).lastInsertRowid);
    hashes.set(content, hash);
    return { id, hash };
  };
  return {
    find: (content) => byHash.get(hashOf(JSON.stringify(content))),
    store: (content) => keep(content).id,
    keep,
  };
}

function hashOf(body: string): string {
  return digest("sha256", body);
}
