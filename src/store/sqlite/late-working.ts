/** The working parts of a store that was opened to read. They are loaded when one of them is asked for the first time. */
import type { Suppression } from "../rows.ts";
import { createLatePart } from "../late-part.ts";
import { PATIENCE_MS, sourceNameOf } from "./source-name.ts";
import type { Job } from "./connection.ts";
import type { WorkingParts } from "./working-parts.ts";

type Special = "onChange" | "name" | "patienceMs" | "suppressions" | "leave" | "recoverAtOpen";

/** Every method that is loaded late as it is. */
const METHODS: Record<Exclude<keyof WorkingParts, Special>, true> = {
  turn: true,
  recover: true,
  expire: true,
  nextDueInMs: true,
  outlook: true,
  peek: true,
  workers: true,
  stage: true,
  checkList: true,
  cancel: true,
  retry: true,
  countExpired: true,
  pause: true,
  resume: true,
  reschedule: true,
  finishOthersWork: true,
  applyEvents: true,
  matchKeptEvents: true,
  suppress: true,
  unsuppress: true,
  suppressionsOf: true,
  searchSuppressions: true,
  countSuppressions: true,
  message: true,
  messagesTo: true,
  messagesNamed: true,
  messagesReportedAs: true,
  uuidsFrom: true,
  messagesBySesId: true,
  mailParts: true,
  sampleParts: true,
  addressee: true,
};

/** Makes the same parts as `load` gives. */
export function createLateWorkingParts(job: Job, load: () => Promise<WorkingParts>): WorkingParts {
  const { db, clock, place } = job;
  let loading: Promise<WorkingParts> | null = null;
  let loaded: WorkingParts | null = null;
  const parts = () => (loading ??= load().then((given) => (loaded = given)));
  const names = Object.keys(METHODS) as (keyof typeof METHODS)[];
  return {
    ...createLatePart<Pick<WorkingParts, keyof typeof METHODS>>(names, parts),
    name: sourceNameOf(db),
    patienceMs: PATIENCE_MS,
    async *suppressions(): AsyncGenerator<Suppression> {
      yield* (await parts()).suppressions();
    },
    /** Nearly always nobody works on the file, and then nobody can have died. */
    async recoverAtOpen() {
      const lost = place.lost();
      if (lost !== null) throw lost;
      return isQuiet(db, clock.now()) ? 0 : (await parts()).recoverAtOpen();
    },
    leave: () => loaded?.leave(),
  };
}

/** True when there is nothing to recover: no process holds messages, and no timed pause seems to begin after `now`. */
function isQuiet(db: Job["db"], now: number): boolean {
  const busy = db
    .prepare<[number], 0 | 1>(
      `select exists (select 1 from process)
         or exists (select 1 from topic indexed by topic_paused where paused_at > ? and paused_until is not null)`,
    )
    .pluck();
  return busy.get(now) === 0;
}
