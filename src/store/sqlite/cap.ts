/** The recipient cap: it counts the mails to an address over all topics, contents and processes of the job file. */
import type { RecipientCap } from "../../deliver/source.ts";
import type { Now } from "../rules/due.ts";
import { hasRoom, type Mails, roomAt } from "../rules/cap.ts";
import type { Connection } from "./connection.ts";
import type { Waiting } from "./waiting-index.ts";
import { waitUntilSql } from "./waiting.ts";

/** The most messages that one turn postpones, which takes some 20 ms. When thousands wait for one address, other work goes on. */
const MOST_MOVES = 2_000;

/** The cap in one turn. The transaction of the turn sees what every process has claimed. */
export interface CapTurn {
  /** True when the message may be claimed; it counts as claimed then. False: it is held back. */
  admits(message: Pick<Waiting, "id" | "email">): boolean;
  /** True when so many were held back that the turn should end, so that other work can go on. */
  isExhausted(): boolean;
  /** Postpones the messages that were held back to when there may be room. It does not count as an attempt or an error. */
  write(): void;
}

/** Makes a function that begins the cap of a turn at `now`. */
export function createCaps(db: Connection): (cap: RecipientCap, now: Now) => CapTurn {
  const recent = db
    .prepare<[string, number, number], number | null>(
      `select m.sent_at from recipient r join message m on m.id = r.message_id
       where r.address = ? and (m.state = 'sending' or (m.sent_at > ? and m.sent_at <= ?)) order by m.sent_at`,
    )
    .pluck();
  const move = db.prepare<[{ id: number; until: number }]>(
    `update message set not_before = ${waitUntilSql("@until")} where id = @id and state = 'pending'`,
  );
  // A mail that seems to be sent long after now was sent when the clock was wrong. It must not hold others back for ever.
  const readMails = (address: string, windowMs: number, now: number): Mails => {
    const times = recent.all(address, now - windowMs, now + windowMs);
    const sentAt = times.filter((time) => time !== null);
    return { sentAt, inFlight: times.length - sentAt.length };
  };

  return (cap, now) => {
    const known = new Map<string, Mails>();
    const held: { id: number; until: number }[] = [];
    return {
      admits({ id, email }) {
        const address = email.toLowerCase();
        const mails = known.get(address) ?? readMails(address, cap.windowMs, now.wall);
        const isAdmitted = hasRoom(mails, cap);
        if (!isAdmitted) held.push({ id, until: now.steady + roomAt(mails, cap, now.wall) - now.wall });
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
