/** Which links were clicked. */
import type { Connection } from "./connection.ts";
import type { Ranked } from "../rules/tally.ts";
import type { Walk } from "./walk.ts";

export interface LinkCounts {
  /** The link; with `…` for the part that differs from recipient to recipient. */
  link: string;
  /** Messages in which it was clicked. */
  messages: number;
  clicks: number;
  /** Of the clicks, those of scanners and other programs that name themselves. */
  machine_clicks: number;
}

/** More variants than this of one link are no different links: each recipient has their own. */
const MOST_VARIANTS = 20;
/** A part of a path that is one recipient's token: long, with a digit in it. */
const TOKEN = /^(?=.*\d)[\w.~%=-]{16,}$/;

/** Added up in a temporary table, which SQLite keeps on disk: every recipient may have links of their own. */
export async function clickedLinks(db: Connection, walk: Walk, limit: number): Promise<Ranked<LinkCounts>> {
  db.exec(`drop table if exists temp.link; create temp table link (
    link text primary key, stem text not null,
    messages integer not null, clicks integer not null, machine_clicks integer not null) strict, without rowid`);
  const found = db.prepare<[number, number], LinkCounts>(
    // Clicks are few: found by way of the messages that have one, not among all events.
    `select ifnull(e.detail, '') as link, count(distinct e.message_id) as messages, sum(e.times) as clicks,
       sum(e.machine * e.times) as machine_clicks
     from feedback f cross join event e on e.message_id = f.message_id
     where f.message_id between ? and ? and f.clicked_at is not null and e.type = 'click' group by 1`,
  );
  const add = db.prepare<[string, string, number, number, number]>(
    `insert into temp.link values (?, ?, ?, ?, ?) on conflict (link) do update set
       messages = messages + excluded.messages, clicks = clicks + excluded.clicks, machine_clicks = machine_clicks + excluded.machine_clicks`,
  );
  await walk((first, last) => {
    for (const { link, messages, clicks, machine_clicks } of found.all(first, last))
      add.run(link, stemOf(link), messages, clicks, machine_clicks);
  });
  const merged = `select iif(variants > ${MOST_VARIANTS}, stem, link) as link, sum(messages) as messages, sum(clicks) as clicks,
      sum(machine_clicks) as machine_clicks
    from temp.link join (select stem, count(*) as variants from temp.link group by stem) using (stem) group by 1`;
  const rows = db
    .prepare<[number], LinkCounts>(`${merged} order by messages desc, clicks desc, link limit ?`)
    .all(limit);
  const all = db
    .prepare<[], LinkCounts & { kinds: number }>(
      `select '' as link, count(*) as kinds, ifnull(sum(messages), 0) as messages, ifnull(sum(clicks), 0) as clicks,
         ifnull(sum(machine_clicks), 0) as machine_clicks from (${merged})`,
    )
    .get();
  db.exec("drop table temp.link");
  if (!all || all.kinds <= rows.length) return { rows, others: null };
  const { kinds, ...counts } = all;
  for (const row of rows) {
    counts.messages -= row.messages;
    counts.clicks -= row.clicks;
    counts.machine_clicks -= row.machine_clicks;
  }
  return { rows, others: { kinds: kinds - rows.length, counts } };
}

/** `https://x.example/u/…?…`: without tokens in the path, and without the query. */
function stemOf(link: string): string {
  const [, path = "", rest = ""] = /^([^?#]*)(.*)$/s.exec(link) ?? [];
  const parts = path.split("/").map((part, index) => (index > 2 && TOKEN.test(part) ? "…" : part));
  return parts.join("/") + (rest === "" ? "" : `${rest.charAt(0)}…`);
}
