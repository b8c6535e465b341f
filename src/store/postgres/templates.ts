/** Keeps templates: contents with variables under names, each in versions. */
import type { Content } from "../../message.ts";
import { checkRoomForTemplate } from "../rules/templates.ts";
import type { Template, TemplateRow } from "../rows.ts";
import type { Templates } from "../store.ts";
import { type Job, read } from "./connection.ts";
import { keepContent, written } from "./contents.ts";
import { storable } from "./storable.ts";
import { transaction, type Tx } from "./transaction.ts";

/** How many contents are read at a time. Their subjects are in the midst of them (see `readMail` in mails.ts). */
const PAGE = 50;

/** Makes the part of the store that keeps templates. */
export function createTemplates(job: Job): Templates {
  return {
    putTemplate: (name, content) => transaction(job, (tx) => put(tx, storable(name), content)),
    removeTemplate: (name) =>
      transaction(job, async (tx) => {
        const sql = "update sm.template set removed_at = $1 where name = $2 and removed_at is null";
        return (await tx.run(sql, [tx.now.wall, storable(name)])) > 0;
      }),
    async template(name) {
      const [row] = await read<Omit<Template, "content"> & { body: string }>(job, ONE, [storable(name)]);
      if (row === undefined) return null;
      const { body, ...found } = row;
      return { ...found, content: JSON.parse(body) as Content };
    },
    async templates() {
      const all: TemplateRow[] = [];
      for (let after = ""; ;) {
        const found = await read<Omit<TemplateRow, "subject"> & { body: string }>(job, PAGE_OF, [after]);
        for (const { body, ...row } of found) all.push({ ...row, subject: (JSON.parse(body) as Content).subject });
        const last = found.at(-1);
        if (last === undefined || found.length < PAGE) return all;
        after = last.name;
      }
    },
  };
}

const CURRENT = `select version, content_id as "contentId", removed_at as "removedAt" from sm.template where name = $1
  order by version desc limit 1`;

const ONE = `select t.name, t.version, t.created_at as "createdAt", c.body
  from sm.template t join sm.content c on c.id = t.content_id
  where t.name = $1 and t.removed_at is null order by t.version desc limit 1`;

const PAGE_OF = `select t.name, t.version, t.created_at as "createdAt", c.body
  from (select name, max(version) as version from sm.template where name > $1 and removed_at is null
    group by name order by name limit ${PAGE}) n
  join sm.template t on t.name = n.name and t.version = n.version join sm.content c on c.id = t.content_id order by t.name`;

interface Current {
  version: number;
  contentId: number;
  /** Null: it is in use. */
  removedAt: number | null;
}

/** Nobody else adds a version meanwhile: we hold the writer lock. */
async function put(tx: Tx, name: string, content: Content): Promise<{ version: number; isNew: boolean }> {
  const [current] = await tx.query<Current>(CURRENT, [name]);
  const isInUse = current?.removedAt === null;
  if (!isInUse) {
    const [row] = await tx.query<{ count: number }>(
      "select count(distinct name)::int8 as count from sm.template where removed_at is null",
    );
    checkRoomForTemplate(row?.count ?? 0);
  }
  const contentId = await keepContent(tx, written(content));
  if (isInUse && current.contentId === contentId) return { version: current.version, isNew: false };
  const version = (current?.version ?? 0) + 1;
  await tx.run("insert into sm.template (name, version, content_id, created_at) values ($1, $2, $3, $4)", [
    name,
    version,
    contentId,
    tx.now.wall,
  ]);
  return { version, isNew: true };
}
