/**
 * Reads a job file that SQLite cannot open, because even a reader wants to make files beside it: on a full disk, or in a folder that
 * may only be read. The file is copied into memory together with what its write-ahead log holds. Nothing is written to disk.
 *
 * The formats are those of https://www.sqlite.org/fileformat2.html (the header in 1.3, the write-ahead log in 4).
 */
import { existsSync, readFileSync, statSync } from "node:fs";
import { StoppedError, UserError } from "../../errors.ts";
import { type Connection, Database } from "./driver.ts";

/** A file of this size needs twice as much memory for a moment. A larger one is a case for freeing a little space. */
const MOST_BYTES = 1_073_741_824;
/** Another process may write while we copy. Then we copy again, a few times. */
const ATTEMPTS = 5;

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const BIG_ENDIAN_MAGIC = 0x377f0683;
const LITTLE_ENDIAN_MAGIC = 0x377f0682;

/**
 * Opens a copy of the job file at `path` in memory. What is written to it is gone when it is closed.
 * @throws UserError when it is no SQLite file or larger than 1 GiB; StoppedError when another process writes to it all the time; and
 * errors of the file system.
 */
export function openImage(path: string): Connection {
  const db = new Database(read(path));
  images.set(db, path);
  // Sorting must not need a disk either.
  db.pragma("temp_store = memory");
  return db;
}

const images = new WeakMap<Connection, string>();

/** The path of the job file that is open, or that was copied into memory. Messages name it. */
export function fileOf(db: Connection): string {
  return images.get(db) ?? db.name;
}

function read(path: string): Buffer {
  const log = `${path}-wal`;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const before = `${stampOf(path)} ${stampOf(log)}`;
    if (statSync(path).size > MOST_BYTES) throw tooLarge(path);
    const file = readFileSync(path);
    const frames = existsSync(log) ? readFileSync(log) : Buffer.alloc(0);
    if (`${stampOf(path)} ${stampOf(log)}` === before) return withoutLog(withLog(file, frames));
  }
  throw new StoppedError(`another process writes to ${path}`, "run the same command again when it is done");
}

function tooLarge(path: string): UserError {
  return new UserError(
    `nothing can be written beside ${path}, and it is too large to be read without that`,
    "free some space, or copy it to another disk and name the copy with --db",
  );
}

/** Changes with each write to the file. */
function stampOf(path: string): string {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found === undefined ? "none" : `${found.ino} ${found.size} ${found.mtimeNs}`;
}

/** Says in the header that the file has no write-ahead log. SQLite opens no other file from memory. */
function withoutLog(file: Buffer): Buffer {
  if (file.length >= 100) file.fill(1, 18, 20);
  return file;
}

/** The file as it is with the complete transactions of the log in it. */
function withLog(file: Buffer, log: Buffer): Buffer {
  const magic = log.length >= HEADER_BYTES ? log.readUInt32BE(0) : 0;
  if (magic !== BIG_ENDIAN_MAGIC && magic !== LITTLE_ENDIAN_MAGIC) return file;
  const pageBytes = log.readUInt32BE(8);
  const sum = createChecksum(log, magic === BIG_ENDIAN_MAGIC);
  if (!sum.add(0, 24) || !sum.isAt(24)) return file;
  const committed = new Map<number, number>();
  let open: [page: number, from: number][] = [];
  let count = 0;
  const frameBytes = FRAME_HEADER_BYTES + pageBytes;
  for (let at = HEADER_BYTES; at + frameBytes <= log.length; at += frameBytes) {
    // A frame of an earlier round of the log has other salts.
    if (log.compare(log, 16, 24, at + 8, at + 16) !== 0) break;
    if (!sum.add(at, 8) || !sum.add(at + FRAME_HEADER_BYTES, pageBytes) || !sum.isAt(at + 16)) break;
    open.push([log.readUInt32BE(at), at + FRAME_HEADER_BYTES]);
    // Only the last frame of a transaction says how many pages the file has.
    const after = log.readUInt32BE(at + 4);
    if (after === 0) continue;
    for (const [page, from] of open) committed.set(page, from);
    [open, count] = [[], after];
  }
  return count === 0 ? file : patched(file, log, pageBytes, { pages: committed, count });
}

function patched(
  file: Buffer,
  log: Buffer,
  pageBytes: number,
  { pages, count }: { pages: ReadonlyMap<number, number>; count: number },
): Buffer {
  const whole = Buffer.alloc(count * pageBytes);
  file.copy(whole, 0, 0, Math.min(file.length, whole.length));
  for (const [page, from] of pages) {
    if (page <= count) log.copy(whole, (page - 1) * pageBytes, from, from + pageBytes);
  }
  return whole;
}

/** The running checksum of a log. `isAt`: the sum so far is what the log says at this place. */
function createChecksum(log: Buffer, isBigEndian: boolean) {
  const view = new DataView(log.buffer, log.byteOffset, log.length);
  let [first, second] = [0, 0];
  return {
    add(from: number, length: number): boolean {
      if (length % 8 !== 0) return false;
      for (let at = from; at < from + length; at += 8) {
        first = (first + view.getUint32(at, !isBigEndian) + second) >>> 0;
        second = (second + view.getUint32(at + 4, !isBigEndian) + first) >>> 0;
      }
      return true;
    },
    isAt: (at: number): boolean => log.readUInt32BE(at) === first && log.readUInt32BE(at + 4) === second,
  };
}
