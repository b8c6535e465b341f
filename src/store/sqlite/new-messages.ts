/** Writes the messages of requests. */
import { type State, kindOf } from "../../message.ts";
import type { Outcome } from "../past.ts";
import { expiryOf } from "../rules/accepted.ts";
import { priorityOf } from "../rules/priority.ts";
import type { AcceptMessage } from "../rows.ts";
import type { Connection } from "./connection.ts";

/** What the rows of a message have in common, beside what it says itself. */
interface Common {
  topicId: number;
  contentId: number;
  now: number;
  past: Outcome | null;
}

/** Writes the rows of one message of a request, inside a transaction. */
export interface RowWriter {
  /** Writes a row. It may be written only by `flush`. `fields` is a text of JSON. */
  add(id: number, ingestId: number, email: string, fields: string, state: State): void;
  /** Writes what is not written yet. To be called when all rows are added, and before one of them is read. */
  flush(): void;
}

type Value = string | number | null;

const SHARED = [
  "topic_id",
  "content_id",
  "priority",
  "not_before",
  "created_at",
  "expires_at",
  "expires_in",
  "attempts",
  "ses_message_id",
  "error",
  "sent_at",
];
const OWN = ["id", "ingest_id", "email", "fields", "state"];

/** So many rows in one statement take three fifths of the time that they take one by one. */
const MANY = 50;

/** Makes what writes the rows of a message. */
export function createMessageRows(db: Connection): (message: AcceptMessage, common: Common) => RowWriter {
  const insert = `insert into message (${[...SHARED, ...OWN].join(", ")})`;
  const one = db.prepare<Value[]>(`${insert} values (${placesFor([...SHARED, ...OWN])})`);
  const many = db.prepare<Value[][]>(
    `${insert} select shared.*, own.* from (select ${placesFor(SHARED)}) shared,
       (values ${Array.from({ length: MANY }, () => `(${placesFor(OWN)})`).join(", ")}) own`,
  );
  return (message, common) => {
    const shared = sharedValues(message, common);
    let waiting: Value[] = [];
    return {
      add(id, ingestId, email, fields, state) {
        if (message.emails.length < MANY) return void one.run(...shared, id, ingestId, email, fields, state);
        waiting.push(id, ingestId, email, fields, state);
        if (waiting.length < MANY * OWN.length) return;
        many.run(shared.concat(waiting));
        waiting = [];
      },
      flush() {
        for (let at = 0; at < waiting.length; at += OWN.length)
          one.run(...shared, ...waiting.slice(at, at + OWN.length));
        waiting = [];
      },
    };
  };
}

const placesFor = (columns: readonly string[]): string => columns.map(() => "?").join(", ");

/** The values of the columns in `SHARED`. */
function sharedValues(message: AcceptMessage, { topicId, contentId, now, past }: Common): Value[] {
  const { notBefore, expiresIn } = message;
  const priority = priorityOf(message.priority, kindOf(message.content));
  return [
    topicId,
    contentId,
    priority,
    notBefore,
    now,
    expiryOf(message, now),
    expiresIn,
    past?.attempts ?? 0,
    past?.sesMessageId ?? null,
    past?.error ?? null,
    past?.sentAt ?? null,
  ];
}
