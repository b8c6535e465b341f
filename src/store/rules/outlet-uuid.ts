/**
 * The name under which a message is handed over to a broker: a UUID, so that any sender can read it as one, that says which message of
 * which job it is. It is version 8, whose bits are its maker's own (RFC 9562 §5.8): 60 from the id of the job, 12 from the time of the
 * hand-over, and 50 with the id of the message. Whoever sends for us knows a mail that comes twice by its name; one that a person retries
 * has another name, so that it is sent again.
 */

/** The hex digits of a job's id that go into a name; an id has 16. */
const JOB_DIGITS = 15;
const SHAPE = /^([0-9a-f]{8})-([0-9a-f]{4})-8([0-9a-f]{3})-([89ab][0-9a-f]{3})-([0-9a-f]{12})$/i;
const VARIANT = 0b10n << 62n;
const ID_BITS = 50n;
/** Seconds that are told apart. */
const TIMES = 4_096;

/** The name of a message. `jobId`: hex digits, 15 or more. `messageId`: from 1 to 2^50 - 1. `now`: ms since the epoch. */
export function outletUuid(jobId: string, messageId: number, now: number): string {
  const job = jobId.slice(0, JOB_DIGITS).toLowerCase();
  const time = BigInt(Math.floor(now / 1_000) % TIMES);
  const rest = (VARIANT | (time << ID_BITS) | BigInt(messageId)).toString(16);
  return [job.slice(0, 8), job.slice(8, 12), `8${job.slice(12)}`, rest.slice(0, 4), rest.slice(4)].join("-");
}

/** The id of the message of this job that has this name, in capitals or not; null: none of them can have it. */
export function messageOfUuid(jobId: string, uuid: string): number | null {
  const [, a = "", b = "", c = "", d = "", e = ""] = SHAPE.exec(uuid) ?? [];
  if (a === "" || `${a}${b}${c}`.toLowerCase() !== jobId.slice(0, JOB_DIGITS).toLowerCase()) return null;
  const id = Number(BigInt.asUintN(Number(ID_BITS), BigInt(`0x${d}${e}`)));
  return id > 0 ? id : null;
}
