/** Counts clicks by link. */
import type { LinkCounts } from "../breakdown.ts";
import { MOST_VARIANTS, stemOf } from "../rules/links.ts";
import type { Ranked } from "../rules/ranking.ts";
import type { Connection } from "./connection.ts";
import { rankedOf, type Sum } from "../rules/ranked.ts";
import type { Walk } from "./walk.ts";

const COUNTED = ["messages", "clicks", "machine_clicks"] as const;
const SUMS = COUNTED.map((name) => `ifnull(sum(${name}), 0) as ${name}`).join(", ");

/** Links as they are reported. Of a link with many variants it is the part that they share. */
const MERGED = `select iif(variants > ${MOST_VARIANTS}, stem, link) as link, ${SUMS}
  from temp.link join (select stem, count(*) as variants from temp.link group by stem) using (stem) group by 1`;

/**
 * The `limit` links that were clicked in the most messages; the others are added up. They are counted in a temporary table, which
 * SQLite keeps on disk, because every recipient may have links of their own.
 */
export async function clickedLinks(db: Connection, walk: Walk, limit: number): Promise<Ranked<LinkCounts>> {
  db.exec(`drop table if exists temp.link; create temp table link (
    link text primary key, stem text not null,
    messages integer not null, clicks integer not null, machine_clicks integer not null) strict, without rowid`);
  await collect(db, walk);
  const rows = db
    .prepare<[number], LinkCounts>(`${MERGED} order by messages desc, clicks desc, link limit ?`)
    .all(limit);
  const sum = db.prepare<[], Sum<LinkCounts>>(`select '' as link, count(*) as kinds, ${SUMS} from (${MERGED})`).get();
  db.exec("drop table temp.link");
  return rankedOf(rows, sum, COUNTED);
}

async function collect(db: Connection, walk: Walk): Promise<void> {
  const found = db.prepare<[number, number], LinkCounts>(
    // Messages with a click are few, so look for their events and not through all events.
    `select ifnull(e.detail, '') as link, count(distinct e.message_id) as messages, sum(e.times) as clicks,
       sum(e.machine * e.times) as machine_clicks
     from feedback f cross join event e on e.message_id = f.message_id
     where f.message_id between ? and ? and f.clicked_at is not null and e.type = 'click' group by 1`,
  );
  const add = db.prepare<[string, string, number, number, number]>(
    `insert into temp.link values (?, ?, ?, ?, ?) on conflict (link) do update set
       ${COUNTED.map((name) => `${name} = ${name} + excluded.${name}`).join(", ")}`,
  );
  await walk((first, last) => {
    for (const { link, messages, clicks, machine_clicks } of found.all(first, last))
      add.run(link, stemOf(link), messages, clicks, machine_clicks);
  });
}
