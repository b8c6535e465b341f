/** Keeps templates: contents with variables under names, each in versions. */
import { setImmediate } from "node:timers/promises";
import type { Content } from "../../message.ts";
import { checkRoomForTemplate } from "../rules/templates.ts";
import type { Template, TemplateRow } from "../rows.ts";
import type { Templates } from "../store.ts";
import { type Connection, type Job, transaction } from "./connection.ts";
import { createContentTable } from "./contents.ts";

/** How many contents are read at a time. Their subjects are in the midst of them, and nothing else runs meanwhile. */
const PAGE = 100;

interface Current {
  version: number;
  contentId: number;
  /** Null: it is in use. */
  removedAt: number | null;
}

/** Makes the part of the store that keeps templates. */
export function createTemplates(job: Job): Templates {
  const { db, clock } = job;
  const remove = db.prepare<[number, string]>(
    "update template set removed_at = ? where name = ? and removed_at is null",
  );
  const put = createPut(job);
  return {
    putTemplate: (name, content) => transaction(job, () => put(name, content)),
    removeTemplate: (name) => transaction(job, () => remove.run(clock.now(), name).changes > 0),
    ...createTemplateReader(db),
  };
}

function createPut({ db, clock }: Job): (name: string, content: Content) => { version: number; isNew: boolean } {
  const contents = createContentTable(db, clock);
  const find = db.prepare<[string], Current>(
    `select version, content_id as contentId, removed_at as removedAt from template where name = ?
     order by version desc limit 1`,
  );
  const count = db.prepare<[], number>("select count(distinct name) from template where removed_at is null").pluck();
  const insert = db.prepare<[string, number, number, number]>(
    "insert into template (name, version, content_id, created_at) values (?, ?, ?, ?)",
  );
  return (name, content) => {
    const current = find.get(name);
    const isInUse = current?.removedAt === null;
    if (!isInUse) checkRoomForTemplate(count.get() ?? 0);
    const contentId = contents.store(content);
    if (isInUse && current.contentId === contentId) return { version: current.version, isNew: false };
    const version = (current?.version ?? 0) + 1;
    insert.run(name, version, contentId, clock.now());
    return { version, isNew: true };
  };
}

function createTemplateReader(db: Connection): Pick<Templates, "template" | "templates"> {
  const one = db.prepare<[string], Omit<Template, "content"> & { body: string }>(
    `select t.name, t.version, t.created_at as createdAt, c.body from template t join content c on c.id = t.content_id
     where t.name = ? and t.removed_at is null order by t.version desc limit 1`,
  );
  const page = db.prepare<[string], TemplateRow>(
    `select t.name, t.version, t.created_at as createdAt, c.body ->> 'subject' as subject
     from (select name, max(version) as version from template where name > ? and removed_at is null
       group by name order by name limit ${PAGE}) n
     join template t on t.name = n.name and t.version = n.version join content c on c.id = t.content_id order by t.name`,
  );
  return {
    async template(name) {
      const row = one.get(name);
      if (row === undefined) return null;
      const { body, ...found } = row;
      return { ...found, content: JSON.parse(body) as Content };
    },
    async templates() {
      const all: TemplateRow[] = [];
      for (let after = ""; ;) {
        const found = page.all(after);
        all.push(...found);
        const last = found.at(-1);
        if (last === undefined || found.length < PAGE) return all;
        after = last.name;
        await setImmediate();
      }
    },
  };
}
