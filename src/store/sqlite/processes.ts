/** Keeps which processes take turns and hold messages in `sending`, and finds those that are dead. */
import { hostname } from "node:os";
import { pid } from "node:process";
import { isAlive, type Machine, thisMachine } from "../../machine.ts";
import type { Clock } from "../../time/clock.ts";
import type { Connection } from "./connection.ts";

/** A process that has not renewed its lease for this long counts as dead, even when its pid lives. */
const LEASE_MS = 60_000;
/** A turn renews a lease that is older than this. */
const RENEW_MS = 5_000;
/** A lease that seems to last longer was measured by a clock that has been set since. Those of two machines differ by less. */
const LONGEST_LEFT_MS = 3_600_000;
/** No call may leave in this last part of a lease, because it takes a while to reach SES. */
const MARGIN_MS = 15_000;

/** A row of table `process`. */
interface ProcessRow {
  id: number;
  host: string;
  pid: number;
  /** When the process started (ms since the epoch). It tells the process from a later one with the same pid. */
  origin: number;
  /** See `Machine`. Null: an older version wrote the row. */
  boot: string | null;
  process_table: string | null;
  /** When the lease was renewed, by the monotonic clock that all processes of one `boot` share. */
  renewed_mono: number;
  /** When the lease ends, by the wall clock. It is for other machines. */
  lease_until: number;
  kind: "sender";
  /** As old as the lease. */
  turns: number;
  /** The rate asked for last. Null: an older version wrote the row. */
  per_second: number | null;
}

/** A process that lives as far as can be told, with the time until its lease runs out. */
export type LiveProcess = ProcessRow & { leaseMs: number; isMe: boolean };

/** The row of this handle, which its first turn makes, and the rows of dead processes. */
export interface Processes {
  /**
   * Makes our row or renews its lease when it is time, and returns the id. To be called inside the transaction of a turn that asks
   * for `perSecond`.
   */
  renew(perSecond: number): number;
  /** Until when (monotonic ms) calls for messages that we hold may leave. */
  validUntil(): number;
  /** To be called when the transaction is committed. */
  confirm(): void;
  /** To be called when the transaction failed, so that what `renew` did in it never happened. */
  revoke(): void;
  /** The rows of processes that are dead, as far as can be told from here. */
  dead(): ProcessRow[];
  /** The others and ours, oldest first. */
  live(): LiveProcess[];
  /** Deletes our row, unless we still hold messages. Never throws. */
  leave(): void;
}

/** Makes the processes of one handle on a job file. Two handles in one process count as two processes. */
export function createProcesses(db: Connection, clock: Clock): Processes {
  const host = hostname();
  const machine = thisMachine();
  const origin = performance.timeOrigin;
  const all = db.prepare<[], ProcessRow>("select * from process order by id");
  const insert = db.prepare<[string, number, number, string, string | null]>(
    "insert into process (host, pid, origin, boot, process_table, renewed_mono, lease_until) values (?, ?, ?, ?, ?, 0, 0)",
  );
  const renew = db.prepare<[number, number, number, number, number]>(
    "update process set renewed_mono = ?, lease_until = ?, turns = ?, per_second = ? where id = ?",
  );
  const exists = db.prepare<[number]>("select 1 from process where id = ?");
  let me: number | null = null;
  let renewed = { monotonic: -Infinity, wall: -Infinity };
  /** False while the row of `me` was inserted but not committed. */
  let registered = false;
  let turns = 0;

  // Both clocks count: the monotonic one may stand still while the machine sleeps, and other machines use the wall clock.
  const ageMs = () => Math.max(clock.monotonic() - renewed.monotonic, clock.now() - renewed.wall);
  const here = { host, origin, machine };

  return {
    renew(perSecond) {
      // Our row is gone when others took us for dead, for example after the machine slept. What we held is in doubt then. Make
      // a new row, because nobody would ever recover what we claim under the old id.
      if (me !== null && exists.get(me) === undefined) me = null;
      if (me !== null && ageMs() < RENEW_MS) return me;
      if (me === null) {
        registered = false;
        me = Number(insert.run(host, pid, origin, machine.boot, machine.processTable).lastInsertRowid);
      }
      renewed = { monotonic: clock.monotonic(), wall: clock.now() };
      renew.run(renewed.monotonic, Math.round(renewed.wall + LEASE_MS), turns + 1, perSecond, me);
      return me;
    },
    validUntil: () => renewed.monotonic + LEASE_MS - MARGIN_MS,
    confirm() {
      registered = true;
      turns++;
    },
    revoke() {
      if (!registered) me = null;
      renewed = { monotonic: -Infinity, wall: -Infinity };
    },
    dead: () => all.all().filter((row) => row.id !== me && isDead(row, here, clock)),
    live: () =>
      all
        .all()
        .filter((row) => !isDead(row, here, clock))
        .map((row) => ({ ...row, leaseMs: leaseLeftMs(row, here, clock), isMe: row.id === me })),
    leave() {
      if (me === null) return;
      try {
        db.prepare(
          "delete from process where id = ? and not exists (select 1 from message where claimed_by = ? and state = 'sending')",
        ).run(me, me);
      } catch {
        // The file is locked or the disk is full. The next process will find that we are gone.
      }
      me = null;
    },
  };
}

/** What a row says of the process that wrote it. */
export type Holder = Pick<
  ProcessRow,
  "host" | "pid" | "origin" | "boot" | "process_table" | "renewed_mono" | "lease_until"
>;

/** Makes what says who this process is, with a lease that begins now, and which others are dead as far as can be told from here. */
export function createHolders(clock: Clock): { mine(): Holder; isDead(row: Holder): boolean } {
  const here: Here = { host: hostname(), origin: performance.timeOrigin, machine: thisMachine() };
  const { host, origin, machine } = here;
  return {
    mine: () => ({
      host,
      pid,
      origin,
      boot: machine.boot,
      process_table: machine.processTable,
      renewed_mono: clock.monotonic(),
      lease_until: Math.round(clock.now() + LEASE_MS),
    }),
    isDead: (row) => isDead(row, here, clock),
  };
}

interface Here extends Pick<ProcessRow, "host" | "origin"> {
  machine: Machine;
}

/** A process is dead when its lease has run out, or when we see its process table and it is not there. */
function isDead(row: Holder, here: Here, clock: Clock): boolean {
  return isLeaseOver(row, here, clock) || isMissing(row, here);
}

function sharesClock(row: Holder, { host, machine }: Here): boolean {
  return row.boot === null ? row.host === host : row.boot === machine.boot;
}

function leaseLeftMs(row: Holder, here: Here, clock: Clock): number {
  if (!sharesClock(row, here)) return Math.max(0, row.lease_until - clock.now());
  return Math.max(0, row.renewed_mono + LEASE_MS - clock.monotonic());
}

function isLeaseOver(row: Holder, here: Here, clock: Clock): boolean {
  // Setting the wall clock must not make a process look dead, so the monotonic clock decides where it can.
  if (sharesClock(row, here)) {
    const silentMs = clock.monotonic() - row.renewed_mono;
    return silentMs < 0 || silentMs > LEASE_MS;
  }
  const leftMs = row.lease_until - clock.now();
  return leftMs < 0 || leftMs > LONGEST_LEFT_MS;
}

function isMissing(row: Holder, { origin, machine }: Here): boolean {
  if (row.process_table === null || row.process_table !== machine.processTable) return false;
  const recycledPid = row.pid === pid && row.origin !== origin;
  return recycledPid || !isAlive(row.pid);
}
