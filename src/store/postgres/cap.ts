/** The recipient cap: it counts the mails to an address over all topics, contents and processes of the job. */
import type { Claim, RecipientCap } from "../../deliver/source.ts";
import { hasRoom, type Mails, roomAt } from "../rules/cap.ts";
import type { Tx } from "./transaction.ts";
import { waitUntilSql } from "./waiting.ts";

/** The most messages that one turn postpones. When thousands wait for one address, other work goes on. */
const MOST_MOVES = 2_000;

/** The cap in one turn. The transaction of the turn sees what every process has claimed. */
export interface CapTurn {
  /** Reads what was sent to the addresses of these messages. To be called before `admits`. */
  learn(claims: readonly Pick<Claim, "email">[]): Promise<void>;
  /** True when the message may be claimed; it counts as claimed then. False: it is held back. */
  admits(message: Pick<Claim, "id" | "email">): boolean;
  /** True when so many were held back that the turn should end, so that other work can go on. */
  isExhausted(): boolean;
  /** It never holds back more than so many. */
  readonly mostHeld: number;
  /** Postpones the messages that were held back to when there may be room. It does not count as an attempt or an error. */
  write(): Promise<void>;
}

const RECENT = `select a.address, m.sent_at as "sentAt" from unnest($1::text[]) a (address)
  join sm.recipient r on r.address = a.address join sm.message m on m.id = r.message_id
  where m.state = 'sending' or (m.sent_at > $2::bigint and m.sent_at <= $3::bigint) order by m.sent_at`;

const MOVE = `update sm.message m set not_before = ${waitUntilSql("a.until")}
  from unnest($1::bigint[], $2::bigint[]) a (id, until) where m.id = a.id and m.state = 'pending'`;

/** Begins the cap of the turn in `tx`. */
export function createCapTurn(tx: Tx, cap: RecipientCap): CapTurn {
  const { now } = tx;
  const known = new Map<string, Mails>();
  const held: { id: number; until: number }[] = [];
  return {
    mostHeld: MOST_MOVES,
    async learn(claims) {
      const addresses = [...new Set(claims.map(({ email }) => email.toLowerCase()))].filter((each) => !known.has(each));
      if (addresses.length === 0) return;
      // A mail that seems to be sent long after now was sent when the clock was wrong. It must not hold others back for ever.
      const window = [now.wall - cap.windowMs, now.wall + cap.windowMs];
      const rows = await tx.query<{ address: string; sentAt: number | null }>(RECENT, [addresses, ...window]);
      const times = new Map<string, (number | null)[]>(addresses.map((address) => [address, []]));
      for (const { address, sentAt } of rows) times.get(address)?.push(sentAt);
      for (const [address, sentAt] of times) known.set(address, mailsOf(sentAt));
    },
    admits({ id, email }) {
      const address = email.toLowerCase();
      const mails = known.get(address) ?? mailsOf([]);
      const isAdmitted = hasRoom(mails, cap);
      if (!isAdmitted) held.push({ id, until: now.steady + roomAt(mails, cap, now.wall) - now.wall });
      known.set(address, isAdmitted ? { ...mails, inFlight: mails.inFlight + 1 } : mails);
      return isAdmitted;
    },
    isExhausted: () => held.length >= MOST_MOVES,
    async write() {
      if (held.length > 0) await tx.run(MOVE, [held.map(({ id }) => id), held.map(({ until }) => until)]);
    },
  };
}

/** `times`: when the mails were sent, oldest first; null: it is being sent. */
function mailsOf(times: readonly (number | null)[]): Mails {
  const sentAt = times.filter((time) => time !== null);
  return { sentAt, inFlight: times.length - sentAt.length };
}
