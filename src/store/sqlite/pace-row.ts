/** Keeps the state of the rate in the job file. */
import { NEW_PACE, type Pace } from "../../deliver/pace.ts";
import type { Connection } from "./connection.ts";

/** The state of the rate. To be used inside the transaction that claims. */
export interface PaceRow {
  /** The kept state, or `NEW_PACE` when there is none. */
  read(): Pace;
  write(pace: Pace): void;
}

/** Makes access to the one row of table `pace`. The first write makes the row. */
export function createPaceRow(db: Connection): PaceRow {
  const read = db.prepare<[], string>("select state from pace").pluck();
  const update = db.prepare<[string]>("update pace set state = ?");
  const insert = db.prepare<[string]>("insert into pace (state) values (?)");
  /** What this process wrote last. Mostly nobody else has written since, and a state is never changed. */
  let last = { state: "", pace: NEW_PACE };
  return {
    read() {
      const state = read.get();
      if (state === undefined) return NEW_PACE;
      if (state !== last.state) last = { state, pace: JSON.parse(state) as Pace };
      return last.pace;
    },
    write(pace) {
      const state = JSON.stringify(pace);
      if (update.run(state).changes === 0) insert.run(state);
      last = { state, pace };
    },
  };
}
