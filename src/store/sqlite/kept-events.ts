/** Keeps events whose message is not known: another program sent it, or its SES message id has not come yet. */
import type { SesEvent } from "../../feedback/ses-event.ts";
import type { Clock } from "../../time/clock.ts";
import { bareOf, type KeptEvent, keptOf } from "../kept-event.ts";
import type { Connection } from "./connection.ts";

/** A row of `unmatched`. */
interface Row {
  key: string;
  body: string;
}

/** Makes what keeps unmatched events. `sentSince`: only events of messages sent then (ms since the epoch) or later; null: all. */
export function createKeptEvents(db: Connection, clock: Clock) {
  const insert = db.prepare<[string, string, string, number]>(
    "insert into unmatched (key, ses_message_id, body, received_at) values (?, ?, ?, ?) on conflict do nothing",
  );
  const matchingAny = db.prepare<[], Row>(
    `select u.key, u.body from unmatched u
     where exists (select 1 from message m where m.ses_message_id = u.ses_message_id)`,
  );
  // Start from the messages, because events of other programs pile up and must not be read each time.
  const matchingSince = db.prepare<[number], Row>(
    `select u.key, u.body from message m indexed by message_sent cross join unmatched u
     where m.sent_at >= ? and u.ses_message_id = m.ses_message_id`,
  );
  const remove = db.prepare<[string]>("delete from unmatched where key = ?");
  const find = (sentSince: number | null) => (sentSince === null ? matchingAny.all() : matchingSince.all(sentSince));

  return {
    /** Keeps an event. False: it is kept already. */
    keep: (event: SesEvent): boolean =>
      insert.run(event.key, event.sesMessageId, JSON.stringify(keptOf(event)), clock.now()).changes > 0,
    /** The same for an event about what was removed: only that it came is kept, and nothing of what it says. */
    keepBare(event: SesEvent): boolean {
      const bare = bareOf(event);
      return insert.run(bare.key, "", JSON.stringify(bare), clock.now()).changes > 0;
    },
    /** True when a kept event has the SES message id of a message that is known by now. */
    anyMatching: (sentSince: number | null): boolean => find(sentSince).length > 0,
    /** Those events. */
    matching: (sentSince: number | null): KeptEvent[] =>
      find(sentSince).map(({ key, body }) => ({ ...(JSON.parse(body) as KeptEvent), key })),
    forget: (key: string): void => void remove.run(key),
  };
}
