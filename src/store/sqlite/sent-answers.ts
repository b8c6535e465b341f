/** Writes the answers that say that a mail was sent: many with one statement, because it takes longer to begin one than to change a row. */
import type { Settlement } from "../../deliver/source.ts";
import type { Connection } from "./connection.ts";

/** How many answers one statement writes. With more it is no faster. */
const PORTION = 16;

type Sent = Extract<Settlement, { kind: "sent" }>;

const isSent = (settlement: Settlement): settlement is Sent => settlement.kind === "sent";

/** The answers in their order: those of mails that were sent in portions, in which no message is there twice, every other one alone. */
export function portionsOf(settlements: readonly Settlement[]): Settlement[][] {
  const portions: Settlement[][] = [];
  let open: Sent[] = [];
  for (const settlement of settlements) {
    const { id } = settlement;
    const isNext = isSent(settlement) && open.length % PORTION > 0 && !open.some((other) => other.id === id);
    if (isNext) open.push(settlement);
    else portions.push(isSent(settlement) ? (open = [settlement]) : [settlement]);
    if (!isSent(settlement)) open = [];
  }
  return portions;
}

/**
 * Makes what writes a portion of answers as their usual move, from `sending` to `sent`. Returns the ids of the messages that it moved: the
 * others are not held by process `me`, or were not sent. It leaves the counters to the caller.
 */
export function createSentWriter(
  db: Connection,
): (portion: readonly Settlement[], me: number, now: number) => Set<number> {
  const sent =
    "update message not indexed set state = 'sent', claimed_by = null, attempts = attempts + 1, error = null";
  const held = "state = 'sending' and claimed_by = ?";
  const one = db.prepare<[string, number, number, number]>(
    `${sent}, ses_message_id = ?, sent_at = ? where id = ? and ${held}`,
  );
  const values = Array.from({ length: PORTION }, () => "(?, ?)").join(", ");
  const all = db
    .prepare<(string | number)[], number>(
      `with answer (message_id, ses_id) as (values ${values})
       ${sent}, ses_message_id = answer.ses_id, sent_at = ?
       from answer where message.id = answer.message_id and ${held} returning message.id`,
    )
    .pluck();
  return (portion, me, now) => {
    const answers = portion.filter(isSent);
    if (answers.length === PORTION)
      return new Set(all.all(...answers.flatMap(({ id, sesMessageId }) => [id, sesMessageId]), now, me));
    const written = answers.filter(({ id, sesMessageId }) => one.run(sesMessageId, now, id, me).changes > 0);
    return new Set(written.map(({ id }) => id));
  };
}
