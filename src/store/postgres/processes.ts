/** Keeps which handles hold messages in `sending`, and finds those whose process is dead. */
import { pid } from "node:process";
import { isAlive, thisMachine } from "../../machine.ts";
import type { Now } from "../rules/due.ts";
import { ask1 } from "./statements.ts";
import type { Job } from "./connection.ts";
import type { Tx } from "./transaction.ts";

/** A handle that has not renewed its lease for this long counts as dead, even when its process lives. */
const LEASE_MS = 60_000;
/** No call may leave in this last part of a lease, because it takes a while to reach SES. */
const MARGIN_MS = 15_000;
/** A lease that seems to last longer was written before somebody set the database's clock back. */
const LONGEST_LEFT_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** How long the row of a handle is kept that was taken for dead, so that a laptop that slept for a holiday finds it. */
const KEPT_DAYS = 30;
/** A handle without a lease whose process we cannot see, and that wrote nothing for so long, is forgotten. */
const SILENT_DAYS = 90;
/** A write that has to be over soon. */
const LEAVE_MS = 2_000;

/** How long the claims of a turn may be handed to SES, counted from before its lease was written (ms). */
export const VALID_MS = LEASE_MS - MARGIN_MS;

const RENEW = `update sm.handle set lease_until = $2, turns = turns + 1, per_second = $3 where id = $1`;

/** Renews the lease of our row, and notes a turn that asked for this rate. */
export async function renew(tx: Tx, perSecond: number): Promise<void> {
  await tx.query(RENEW, [tx.me, Math.round(tx.now.steady + LEASE_MS), perSecond]);
}

/** A row of table `handle` about which something may have to be done. */
interface Row {
  id: number;
  pid: number;
  /** When its process started (ms since the epoch). It tells the process from a later one with the same pid. */
  origin: number;
  processTable: string | null;
  isOver: boolean;
  isOld: boolean;
  isOurs: boolean;
  isSilent: boolean;
}

/** What became of handles. */
export interface Fates {
  /** Their lease is over, or their process has ended. What they hold is lost. */
  dead: number[];
  /** Rows that nobody will ever use, when they hold nothing. */
  useless: number[];
  /** True: we have written nothing for so long that others may come to think that nobody uses our row. */
  isSilent: boolean;
}

const IS_OVER = `h.lost_at is null and (h.lease_until < $2::bigint or h.lease_until > $2::bigint + ${LONGEST_LEFT_MS})`;
const IS_OLD = `h.lost_at < $3::bigint - ${KEPT_DAYS * DAY_MS} or h.lease_until is null and h.seen_at < $3::bigint - ${SILENT_DAYS * DAY_MS}`;
const IS_SILENT = `h.id = $1::bigint and h.seen_at < $3::bigint - ${DAY_MS}`;

const FATES = `select h.id, h.pid, h.origin, h.process_table as "processTable", h.id is not distinct from $1::bigint as "isOurs",
    (${IS_OVER}) is true as "isOver", (${IS_OLD}) is true as "isOld", (${IS_SILENT}) is true as "isSilent"
  from sm.handle h
  where (${IS_OVER}) or (${IS_OLD}) or (${IS_SILENT}) or h.process_table = $4`;

/** Looks what became of handles, as far as can be told from here. `me`: our own row; null: there is none. */
export async function fatesOf(query: Tx["query"], me: number | null, { wall, steady }: Now): Promise<Fates> {
  const table = thisMachine().processTable;
  const rows = await query<Row>(FATES, [me, Math.round(steady), Math.round(wall), table]);
  const others = rows.filter((row) => !row.isOurs);
  const seen = new Set(others.filter((row) => table !== null && row.processTable === table));
  const ended = new Set([...seen].filter(hasEnded));
  return {
    dead: others.filter((row) => row.isOver || ended.has(row)).map(({ id }) => id),
    useless: others.filter((row) => ended.has(row) || (row.isOld && !seen.has(row))).map(({ id }) => id),
    isSilent: rows.some((row) => row.isSilent),
  };
}

/** True when a process of our own table is not there any more. */
function hasEnded({ pid: its, origin }: Row): boolean {
  const recycledPid = its === pid && origin !== performance.timeOrigin;
  return recycledPid || !isAlive(its);
}

const LOST = "update sm.handle set lost_at = $2 where id = any ($1::bigint[]) and lost_at is null";
const FORGET = `delete from sm.handle h where h.id = any ($1::bigint[])
  and not exists (select 1 from sm.message m where m.claimed_by = h.id and m.state = 'sending')`;

/** Notes that handles were taken for dead, and removes rows that nobody needs. What the dead held must be put in doubt already. */
export async function bury(tx: Tx, { dead, useless }: Fates): Promise<void> {
  if (dead.length > 0) await tx.run(LOST, [dead, tx.now.wall]);
  if (useless.length > 0) await tx.run(FORGET, [useless]);
}

const LEAVE = `delete from sm.handle h where h.token = $1
  and not exists (select 1 from sm.message m where m.claimed_by = h.id and m.state = 'sending')`;

/** Removes our row, unless we still hold messages. Never throws, and gives up after 2 s. */
export async function leave(job: Job): Promise<void> {
  const { handle, pool } = job;
  // When nobody knows what our last write came to, it may still reach the server.
  if (handle.id() === null || handle.isUnsure()) return;
  const left = (async () => {
    const link = await pool.take("write");
    try {
      await ask1(job, link, LEAVE, [handle.token()], LEAVE_MS);
      pool.give(link, false);
    } catch {
      // The next process will find that we are gone.
      pool.give(link, true);
    }
  })().catch(() => undefined);
  await Promise.race([left, soon()]);
}

async function soon(): Promise<void> {
  await new Promise<void>((resolve) => setTimeout(resolve, LEAVE_MS).unref());
}
