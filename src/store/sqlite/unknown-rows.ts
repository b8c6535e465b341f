/**
 * Finds the rows of a long list whose addresses a topic does not have yet. A list that comes again, or has grown a little, has few of
 * them, and only they have to be put in while others wait.
 */
import { setImmediate } from "node:timers/promises";
import { OWN_VARIANT } from "../rules/variant.ts";
import type { Connection } from "./connection.ts";
import type { StagedRows } from "./staged-rows.ts";
import { explain } from "./trouble.ts";

/** Up to so many rows go in with one transaction. */
const FEW = 10_000;
/** How many rows are looked up without a pause. */
const STEP = 20_000;

/** The staged rows that are to be put into a topic. */
export interface Source {
  /** A table with the columns of `staged.row`. */
  table: "staged.row" | "staged.few";
  /** How many rows it has. */
  count: number;
  /** What was left out is in this topic already; null: nothing was left out. */
  topicId: number | null;
}

/** All staged rows. */
export const allOf = ({ count }: StagedRows): Source => ({ table: "staged.row", count, topicId: null });

/** The rows that a topic with this id does not have; null: they are many. It reads without a lock. */
export async function fewUnknown(db: Connection, rows: StagedRows, topicId: number): Promise<Source | null> {
  rows.sort();
  try {
    // Those of a commit that was refused may be there.
    db.exec("drop table if exists staged.unknown; drop table if exists staged.few");
    db.exec("create table staged.unknown (id integer not null)");
    const find = createSteps(db, topicId);
    let count = 0;
    for (let found = find(); found !== null; found = find()) {
      if ((count += found) > FEW) return null;
      await setImmediate();
    }
    db.exec(
      "create table staged.few as select s.* from staged.unknown u cross join staged.row s on s.id = u.id order by s.id",
    );
    return { table: "staged.few", count, topicId };
  } catch (error) {
    throw explain(error, "the temporary folder");
  }
}

/** Makes a function that notes those of the next rows that are unknown, and returns how many there are; null: there are no more rows. */
function createSteps(db: Connection, topicId: number): () => number | null {
  type Place = { address: string; id: number };
  const behind =
    "from staged.row indexed by by_address where (address, id) > (@address, @id) order by address, id limit";
  const end = db.prepare<[Place], Place>(`select address, id ${behind} 1 offset ${STEP - 1}`);
  const note = db.prepare<[Place & { topicId: number }]>(
    `insert into staged.unknown select id from (select address, id ${behind} ${STEP}) s
     where not exists (select 1 from recipient r
       where r.address = s.address and r.topic_id = @topicId and r.variant = ${OWN_VARIANT})`,
  );
  let at: Place | null = { address: "", id: 0 };
  return () => {
    if (at === null) return null;
    const { changes } = note.run({ ...at, topicId });
    at = end.get(at) ?? null;
    return changes;
  };
}
