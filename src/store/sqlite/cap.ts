/** No more than so many mails to one address in so long a time, whatever topic, content or process they come from. */
import type { Claim, RecipientCap } from "../../deliver/source.ts";
import { hasRoom, type Mails, roomAt } from "../rules/cap.ts";
import type { Connection } from "./connection.ts";
import { waitUntilSql } from "./waiting.ts";

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

/** Prepares the statements; the answer begins a turn at `now` (ms since the epoch). */
export function createCaps(db: Connection): (cap: RecipientCap, now: number) => CapTurn {
  const recent = db
    .prepare<[string, number], number | null>(
      `select m.sent_at from recipient r join message m on m.id = r.message_id
       where r.address = ? and (m.state = 'sending' or m.sent_at > ?) order by m.sent_at`,
    )
    .pluck();
  const move = db.prepare<[{ id: number; until: number }]>(
    `update message set not_before = ${waitUntilSql("@until")} where id = @id and state = 'pending'`,
  );
  const readMails = (address: string, since: number): Mails => {
    const times = recent.all(address, since);
    const sentAt = times.filter((time) => time !== null);
    return { sentAt, inFlight: times.length - sentAt.length };
  };

  return (cap, now) => {
    const known = new Map<string, Mails>();
    const held: { id: number; until: number }[] = [];
    return {
      admits({ id, email }) {
        const address = email.toLowerCase();
        const mails = known.get(address) ?? readMails(address, now - cap.windowMs);
        const isAdmitted = hasRoom(mails, cap);
        if (!isAdmitted) held.push({ id, until: roomAt(mails, cap, now) });
        known.set(address, isAdmitted ? { ...mails, inFlight: mails.inFlight + 1 } : mails);
        return isAdmitted;
      },
      isExhausted: () => held.length >= MOST_MOVES,
      write() {
        for (const row of held) move.run(row);
      },
    };
  };
}
