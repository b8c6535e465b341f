/** Counts what a staged list would come to. */
import { kindOf } from "../../message.ts";
import { OWN_VARIANT } from "../rules/variant.ts";
import type { ForecastMail, ListForecast } from "../rows.ts";
import { type Job, snapshot } from "./connection.ts";
import { ANY_FORGOTTEN, concernsSql, forgottenAddressSql } from "./suppressed.ts";
import { lostRows, MORE_MEMORY, type StagedRows } from "./staged-rows.ts";

/**
 * Counts what adding the rows to the topic would come to, by reading alone, as of one instant.
 * @throws StoppedError when the server lost rows.
 */
export function forecast(job: Job, rows: StagedRows, topic: string, mail: ForecastMail): Promise<ListForecast> {
  const { table } = rows;
  return snapshot(job, async (ask) => {
    await ask(MORE_MEMORY);
    const [found] = await ask<{ id: number }>("select id from sm.topic where name = $1", [topic]);
    const [any] = await ask<{ found: boolean }>(`select ${ANY_FORGOTTEN} as found`);
    const sql = foretelling(table, any?.found === true);
    const values = [found?.id ?? 0, mail.endpoint ?? null, mail.list ?? null, kindOf(mail)];
    const [counts] = await ask<Omit<ListForecast, "first"> & { firstId: number | null }>(sql, values);
    if (counts === undefined) throw new Error("no counts");
    const { firstId, ...rest } = counts;
    if (rest.added + rest.known + rest.repeated + rest.suppressed !== rows.count) throw lostRows(job);
    const [first] = await ask<{ email: string; fields: string }>(
      `select coalesce(email, address) as email, fields from ${table} where id = $1`,
      [firstId],
    );
    return { ...rest, first: first ?? null };
  });
}

const CONCERNS = concernsSql("h", { list: "$3::text", kind: "$4::text" });

/** The joins come before the grouping: nobody has told the planner how many addresses there are, and it would guess two hundred. */
const foretelling = (table: string, anyForgotten: boolean): string => `
  select count(*) filter (where not is_known and not is_suppressed)::int8 as added,
    coalesce(sum(times) filter (where is_known), 0)::int8 as known,
    coalesce(sum(times - 1) filter (where not is_known), 0)::int8 as repeated,
    count(*) filter (where not is_known and is_suppressed)::int8 as suppressed,
    min(id) filter (where not is_known and not is_suppressed) as "firstId"
  from (
    select min(s.id) as id, count(*) as times, bool_or(r.address is not null) as is_known,
      bool_or(${anyForgotten ? "f.address is not null or " : ""}x.address is not null) as is_suppressed
    from ${table} s
    left join sm.recipient r on r.address = s.address and r.topic_id = $1 and r.variant = ${OWN_VARIANT}
    left join (select distinct address from sm.suppression h
      where (not rehearsal or $2::text = 'sandbox') and ${CONCERNS}) x on x.address = s.address
    ${anyForgotten ? `left join sm.suppression f on f.address = ${forgottenAddressSql("s.address")}` : ""}
    group by s.address
  ) s`;
