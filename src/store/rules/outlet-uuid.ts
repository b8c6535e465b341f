/**
 * The name under which a message is handed over to a broker: a UUID, so that any sender can read it as one, that says which message of
 * which job it is. It is version 8, whose bits are its maker's own (RFC 9562 §5.8): the first 60 of them are from the id of the job, the
 * last 62 are the id of the message.
 */

/** The hex digits of a job's id that go into a name; an id has 16. */
const JOB_DIGITS = 15;
const SHAPE = /^([0-9a-f]{8})-([0-9a-f]{4})-8([0-9a-f]{3})-([89ab][0-9a-f]{3})-([0-9a-f]{12})$/i;
const VARIANT = 0b10n << 62n;
const ID_BITS = (1n << 62n) - 1n;

/** The name of a message. `jobId`: hex digits, 15 or more. `messageId`: a whole number from 0, safe as one. */
export function outletUuid(jobId: string, messageId: number): string {
  const job = jobId.slice(0, JOB_DIGITS).toLowerCase();
  const rest = (VARIANT | BigInt(messageId)).toString(16);
  return [job.slice(0, 8), job.slice(8, 12), `8${job.slice(12)}`, rest.slice(0, 4), rest.slice(4)].join("-");
}

/** The id of the message of this job that has this name, in capitals or not; null: none of them can have it. */
export function messageOfUuid(jobId: string, uuid: string): number | null {
  const [, a = "", b = "", c = "", d = "", e = ""] = SHAPE.exec(uuid) ?? [];
  if (a === "" || `${a}${b}${c}`.toLowerCase() !== jobId.slice(0, JOB_DIGITS).toLowerCase()) return null;
  const id = Number(BigInt(`0x${d}${e}`) & ID_BITS);
  return Number.isSafeInteger(id) && id > 0 ? id : null;
}
