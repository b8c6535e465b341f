/** Keeps each content once. */
import { hash as digest } from "node:crypto";
import { StoppedError } from "../../errors.ts";
import { type Content, type Kind, kindOf } from "../../message.ts";
import type { Tx } from "./transaction.ts";
import { nextIdSql } from "./numbering.ts";
import { storable } from "./storable.ts";

/** A content as it is kept. Equal contents have equal hashes. */
export interface Written {
  hash: string;
  body: string;
  list: string | null;
  kind: Kind;
}

/** The content in the form in which it is kept. */
export function written(content: Content): Written {
  const body = JSON.stringify(content);
  const hash = digest("sha256", body);
  return { body, hash, list: content.list === undefined ? null : storable(content.list), kind: kindOf(content) };
}

/** The id of the content; null: it is not in the database. */
export async function findContent(query: Tx["query"], { hash }: Pick<Written, "hash">): Promise<number | null> {
  const [found] = await query<{ id: number }>("select id from sm.content where hash = $1", [hash]);
  return found?.id ?? null;
}

/** Keeps the content unless it is there already. Returns its id. */
export async function keepContent(tx: Tx, { hash, body, list, kind }: Written): Promise<number> {
  // A statement of its own comes first: most contents are there, and a failed insert would use up an id.
  const found = await findContent(tx.query, { hash });
  if (found !== null) return found;
  const [made] = await tx.query<{ id: number }>(
    "insert into sm.content (hash, body, created_at, list, kind) values ($1, $2, $3, $4, $5) returning id",
    [hash, body, tx.now.wall, list, kind],
  );
  if (made === undefined) throw new Error("the content was not kept");
  return made.id;
}

/**
 * Keeps a content under an id that it had before, unless it is still there: nobody saw that it was going to be used, so it may have been
 * removed.
 * @throws StoppedError when it is there under another id by now.
 */
export async function keepContentAs(tx: Tx, id: number, { hash, body, list, kind }: Written): Promise<void> {
  const found = await tx.query("select 1 from sm.content where id = $1", [id]);
  if (found.length > 0) return;
  const kept = await tx.run(
    `insert into sm.content (id, hash, body, created_at, list, kind) overriding system value values ($1, $2, $3, $4, $5, $6)
     on conflict (hash) do nothing`,
    [id, hash, body, tx.now.wall, list, kind],
  );
  if (kept === 0)
    throw new StoppedError("the content of the list was removed and added again meanwhile", "run it again");
}

/** A character that no JSON holds as it is. The driver would look for what has to be escaped in an array, and JSON is full of it. */
const BETWEEN = "e'\\x01'";

/** The contents of the requests of one batch. */
export interface RequestContents {
  writtenOf(content: Content): Written;
  /** Reads which of them are there, and takes ids for the others. To be called first. */
  read(tx: Tx): Promise<void>;
  /** The id of the content, which may be a new one's. */
  idOf(content: Content): number;
  /** The same, and notes that the content is needed. */
  use(content: Content): number;
  /** Writes those that are new and needed. */
  write(tx: Tx): Promise<void>;
}

/** Makes the contents of a batch. Objects that are the same are looked at once. */
export function createRequestContents(contents: readonly Content[]): RequestContents {
  const known = new Map<Content, Written>();
  for (const content of contents) if (!known.has(content)) known.set(content, written(content));
  const byHash = new Map(
    Array.from(known.values(), (each) => [each.hash, { ...each, id: 0, isNew: false, isUsed: false }]),
  );
  const entryOf = (content: Content) => {
    const entry = byHash.get(known.get(content)?.hash ?? "");
    if (entry === undefined) throw new Error("a content of another batch");
    return entry;
  };
  return {
    writtenOf: (content) => entryOf(content),
    async read(tx) {
      if (byHash.size === 0) return;
      const rows = await tx.query<{ hash: string; id: number; isNew: boolean }>(
        `select w.hash, coalesce(c.id, ${nextIdSql("content")}) as id, c.id is null as "isNew" from unnest($1::text[]) w (hash)
         left join lateral (select id from sm.content where hash = w.hash limit 1) c on true`,
        [[...byHash.keys()]],
      );
      for (const { hash, ...found } of rows) Object.assign(byHash.get(hash) ?? {}, found);
    },
    idOf: (content) => entryOf(content).id,
    use(content) {
      const entry = entryOf(content);
      entry.isUsed = true;
      return entry.id;
    },
    async write(tx) {
      const fresh = [...byHash.values()].filter(({ isNew, isUsed }) => isNew && isUsed);
      if (fresh.length === 0) return;
      await tx.run(
        `insert into sm.content (id, hash, body, list, kind, created_at) overriding system value
         select w.*, $6::bigint from unnest($1::bigint[], $2::text[], string_to_array($3, ${BETWEEN}), $4::text[], $5::text[]) w`,
        [
          fresh.map(({ id }) => id),
          fresh.map(({ hash }) => hash),
          fresh.map(({ body }) => body).join("\u0001"),
          fresh.map(({ list }) => list),
          fresh.map(({ kind }) => kind),
          tx.now.wall,
        ],
      );
    },
  };
}
