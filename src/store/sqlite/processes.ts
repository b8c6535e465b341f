/** Who holds messages in `sending`, and whose holder is gone. */
import { hostname } from "node:os";
import { kill, pid } from "node:process";
import type { Clock } from "../../time/clock.ts";
import type { Connection } from "./connection.ts";

/** A process that has not renewed its lease for this long is taken for dead even when its pid lives. */
const LEASE_MS = 60_000;
/** How often a turn writes the lease although nothing else changed. */
const RENEW_MS = 5_000;
/** No call may leave in the last part of a lease: it takes a while to reach SES. */
const MARGIN_MS = 15_000;

/** A row of table `process`. */
interface ProcessRow {
  id: number;
  host: string;
  pid: number;
  /** Start of the process, ms since the epoch: tells it from a later one with the same pid. */
  origin: number;
  /** By the clock that all processes of one machine share. */
  renewed_mono: number;
  /** By the wall clock, for other machines. */
  lease_until: number;
}

/** This process's own row, made when it first claims, and the rows of those that died. */
export interface Processes {
  /** The id of our row, whose lease is renewed when it is time. To be called inside the transaction of a turn. */
  renew(): number;
  /** Until when (monotonic ms) calls of messages that we hold may leave. */
  validUntil(): number;
  /** The transaction is committed. */
  confirm(): void;
  /** The transaction failed: a row it inserted is not there, and a renewal in it did not happen. */
  revoke(): void;
  /** Rows of processes that died, as far as can be told from here. */
  dead(): ProcessRow[];
  /** Takes our row away, unless we still hold messages. Never throws. */
  leave(): void;
}

/** One for each handle on a job file: two handles in one process are two holders. */
export function createProcesses(db: Connection, clock: Clock): Processes {
  const host = hostname();
  const origin = performance.timeOrigin;
  const all = db.prepare<[], ProcessRow>("select * from process");
  const insert = db.prepare<[string, number, number, number, number]>(
    "insert into process (host, pid, origin, renewed_mono, lease_until) values (?, ?, ?, ?, ?)",
  );
  const renew = db.prepare<[number, number, number]>(
    "update process set renewed_mono = ?, lease_until = ? where id = ?",
  );
  const exists = db.prepare<[number]>("select 1 from process where id = ?");
  let me: number | null = null;
  let renewed = { monotonic: -Infinity, wall: -Infinity };
  /** False while the row of `me` was inserted but not committed. */
  let registered = false;

  // By both clocks: the monotonic one stands still while the machine sleeps, and other machines go by the wall clock.
  const ageMs = () => Math.max(clock.monotonic() - renewed.monotonic, clock.now() - renewed.wall);

  return {
    renew() {
      // Somebody took us for dead (the machine slept): what we held is in doubt. What we claim under a name that is
      // gone nobody would ever take in, so start afresh.
      if (me !== null && exists.get(me) === undefined) me = null;
      if (me !== null && ageMs() < RENEW_MS) return me;
      renewed = { monotonic: clock.monotonic(), wall: clock.now() };
      const leaseUntil = Math.round(renewed.wall + LEASE_MS);
      if (me !== null) {
        renew.run(renewed.monotonic, leaseUntil, me);
        return me;
      }
      registered = false;
      me = Number(insert.run(host, pid, origin, renewed.monotonic, leaseUntil).lastInsertRowid);
      return me;
    },
    validUntil: () => renewed.monotonic + LEASE_MS - MARGIN_MS,
    confirm() {
      registered = true;
    },
    revoke() {
      if (!registered) me = null;
      renewed = { monotonic: -Infinity, wall: -Infinity };
    },
    dead: () => all.all().filter((row) => row.id !== me && isDead(row, { host, origin }, clock)),
    leave() {
      if (me === null) return;
      try {
        db.prepare(
          "delete from process where id = ? and not exists (select 1 from message where claimed_by = ? and state = 'sending')",
        ).run(me, me);
      } catch {
        // Locked, or the disk is full: whoever comes next sees that we are gone.
      }
      me = null;
    },
  };
}

function isDead(row: ProcessRow, here: Pick<ProcessRow, "host" | "origin">, clock: Clock): boolean {
  // Another machine's monotonic clock says nothing here.
  if (row.host !== here.host) return row.lease_until < clock.now();
  const silentMs = clock.monotonic() - row.renewed_mono;
  const rebooted = silentMs < 0;
  const recycledPid = row.pid === pid && row.origin !== here.origin;
  // By the monotonic clock, so that setting the wall clock kills nobody.
  return rebooted || recycledPid || silentMs > LEASE_MS || !isAlive(row.pid);
}

function isAlive(processId: number): boolean {
  try {
    kill(processId, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, but belongs to somebody else.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
