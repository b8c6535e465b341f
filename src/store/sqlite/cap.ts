/** No more than so many mails to one address in so long a time, whatever topic, content or process they come from. */
import type { Claim, RecipientCap } from "../../deliver/source.ts";
import type { Connection } from "./connection.ts";
import { waitUntil } from "./waiting.ts";

/** What is in flight has no time yet by which to wait for it: look again so long after. */
const LOOK_AGAIN_MS = 1_000;
/** Messages moved in one turn: some 20 ms. When thousands wait for one address, others come in between. */
const MOST_MOVES = 2_000;

/** The cap in one turn, whose transaction sees what every process claimed. */
export interface CapTurn {
  /** Whether the message may be claimed; it then counts as claimed. */
  admits(claim: Claim): boolean;
  /** So many were held back that the turn should end, and another begin. */
  isExhausted(): boolean;
  /** Moves what was held back to when there may be room for it. No attempt, no error. */
  write(): void;
}

interface Mails {
  /** When those sent within the window were sent (ms), oldest first. */
  sentAt: number[];
  inFlight: number;
}

export function capping(db: Connection): (cap: RecipientCap, now: number) => CapTurn {
  const recent = db
    .prepare<[string, number], number | null>(
      `select m.sent_at from recipient r join message m on m.id = r.message_id
       where r.address = ? and (m.state = 'sending' or m.sent_at > ?) order by m.sent_at`,
    )
    .pluck();
  const move = db.prepare<[{ id: number; until: number }]>(
    `update message set not_before = ${waitUntil("@until")} where id = @id and state = 'pending'`,
  );

  return (cap, now) => {
    const known = new Map<string, Mails>();
    const held: { id: number; until: number }[] = [];
    const mailsTo = (address: string): Mails => {
      let mails = known.get(address);
      if (!mails) {
        const times = recent.all(address, now - cap.windowMs);
        const sentAt = times.filter((time) => time !== null);
        known.set(address, (mails = { sentAt, inFlight: times.length - sentAt.length }));
      }
      return mails;
    };
    return {
      admits({ id, email }) {
        const mails = mailsTo(email.toLowerCase());
        if (mails.sentAt.length + mails.inFlight < cap.count) {
          mails.inFlight++;
          return true;
        }
        held.push({ id, until: roomAt(mails, cap, now) });
        return false;
      },
      isExhausted: () => held.length >= MOST_MOVES,
      write() {
        for (const row of held) move.run(row);
      },
    };
  };
}

/** When there may be room for one more. */
function roomAt({ sentAt, inFlight }: Mails, { count, windowMs }: RecipientCap, now: number): number {
  // More than `count` when the cap was lowered meanwhile.
  const leaving = sentAt[sentAt.length + inFlight - count];
  return leaving === undefined ? now + Math.min(LOOK_AGAIN_MS, windowMs) : leaving + windowMs;
}
