/** Reads topics page by page, all of them or those that a filter names. */
import { setImmediate } from "node:timers/promises";
import { readCursor } from "../cursor.ts";
import type { TopicFilter, TopicRow } from "../rows.ts";
import type { Topics } from "../store.ts";
import { nameForms } from "../topic-name.ts";
import type { Connection, Job } from "./connection.ts";

/** So many topics are looked at in one step of a filtered page, which takes some milliseconds. Nothing else runs meanwhile. */
const STEP = 20_000;

/** How rows are read: `topicRow` selects the columns of one, with the time @now, and `topicOf` makes a row of what it gives. */
interface Reading<Found> {
  topicRow: string;
  topicOf: (found: Found) => TopicRow;
}

/** Ids from which and up to which rows are read, both left out. */
interface Span {
  from: number;
  to: number;
}

/** Makes what reads a page. Pages go along the ids, which topics get in the order in which they are made. */
export function createTopicPages<Found extends { topic: string }>(
  { db, clock }: Pick<Job, "db" | "clock">,
  { topicRow, topicOf }: Reading<Found>,
): Topics["topicPage"] {
  const idOf = db.prepare<[string], number>("select id from topic where name = ?").pluck();
  const read = (rest: string) => db.prepare<[Record<string, string | number>], Found>(`${topicRow} ${rest}`);
  const oldest = read("where id > @from and id < @to order by id limit @most");
  const newest = read("where id < @from and id > @to order by id desc limit @most");
  const pageOf = (found: Found[], limit: number) => {
    const last = found.length > limit ? found[limit - 1] : undefined;
    return { rows: found.slice(0, limit).map(topicOf), next: last === undefined ? null : String(idOf.get(last.topic)) };
  };
  return async ({ order, after, limit, only = {} }) => {
    const isOldest = order === "oldest first";
    const [first, end] = isOldest ? [0, Number.MAX_SAFE_INTEGER] : [Number.MAX_SAFE_INTEGER, 0];
    const from = after === null ? first : Number(readCursor(after, /^(\d{1,15})$/)[0]);
    const { condition, values } = conditionOf(only);
    const rows = (span: Span, most: number, statement: ReturnType<typeof read>) =>
      statement.all({ now: clock.now(), ...span, most, ...values });
    if (condition === null) return pageOf(rows({ from, to: end }, limit + 1, isOldest ? oldest : newest), limit);
    const filtered = isOldest
      ? read(`where id > @from and id < @to and ${condition} order by id limit @most`)
      : read(`where id < @from and id > @to and ${condition} order by id desc limit @most`);
    const found: Found[] = [];
    for (const span of stepsOf(db, { from, isOldest })) {
      found.push(...rows(span, limit + 1 - found.length, filtered));
      if (found.length > limit) break;
      await setImmediate();
    }
    return pageOf(found, limit);
  };
}

/** Short spans of ids that follow each other and cover all topics from one on. */
function* stepsOf(db: Connection, { from, isOldest }: { from: number; isOldest: boolean }): Generator<Span> {
  const ends = db.prepare<[], { least: number; most: number }>("select min(id) as least, max(id) as most from topic");
  const { least, most } = ends.get() ?? { least: 0, most: 0 };
  if (isOldest) for (let at = Math.max(from, least - 1); at < most; at += STEP) yield { from: at, to: at + STEP + 1 };
  else for (let at = Math.min(from, most + 1); at > least; at -= STEP) yield { from: at, to: at - STEP - 1 };
}

/** The filter in SQL, with the values that it names; null: it leaves no topic out. */
function conditionOf({ named, endpoint, waits, inDoubt }: TopicFilter) {
  const forms = named === undefined ? [] : nameForms(named);
  // `like` would not do, because % and _ are ordinary characters of a name.
  const names = forms.map((_form, index) => `instr(lower(name), @form${index}) > 0`).join(" or ");
  const conditions = [
    ...(names === "" ? [] : [`(${names})`]),
    ...(endpoint === undefined ? [] : ["endpoint = @endpoint"]),
    ...(waits === true ? ["pending > 0"] : []),
    ...(inDoubt === true ? ["in_doubt > 0"] : []),
  ];
  const values = {
    ...Object.fromEntries(forms.map((form, index) => [`form${index}`, form])),
    ...(endpoint && { endpoint }),
  };
  return { condition: conditions.length === 0 ? null : conditions.join(" and "), values };
}
