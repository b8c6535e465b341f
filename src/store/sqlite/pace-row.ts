/** The rate's state in the job file. */
import { NEW_PACE, type Pace } from "../../deliver/pace.ts";
import type { Connection } from "./connection.ts";

/** To be used inside the transaction that claims. */
export interface PaceRow {
  read(): Pace;
  write(pace: Pace): void;
}

/** The one row of table `pace`, made with the first write. */
export function createPaceRow(db: Connection): PaceRow {
  const read = db.prepare<[], string>("select state from pace").pluck();
  const update = db.prepare<[string]>("update pace set state = ?");
  const insert = db.prepare<[string]>("insert into pace (state) values (?)");
  return {
    read() {
      const state = read.get();
      return state === undefined ? NEW_PACE : (JSON.parse(state) as Pace);
    },
    write(pace) {
      const state = JSON.stringify(pace);
      if (update.run(state).changes === 0) insert.run(state);
    },
  };
}
