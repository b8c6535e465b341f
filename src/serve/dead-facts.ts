/** What is told of a dead letter: over HTTP, to the dashboard, and by `dead --json`. */
import { readableBody } from "../intake/broker/readable.ts";
import type { DeadLetter, DeadLetterRow } from "../store/rows.ts";
import { isoTime } from "../time/iso.ts";
import type { DeadLetterDetail, DeadLetterFacts } from "./dashboard/wire.ts";

/** A letter without its body, as a list has it. */
export function deadFacts({ id, source, origin, reason, times, receivedAt, bytes }: DeadLetterRow): DeadLetterFacts {
  return { id, source, origin, reason, times, received_at: isoTime(receivedAt), bytes };
}

/** A letter with its body taken apart, and, unless `withBytes` is false, with its bytes in base64. */
export async function deadDetail(letter: DeadLetter, withBytes: boolean): Promise<DeadLetterDetail> {
  const { format, fields, isCut } = await readableBody(letter);
  const { body, extras, lastAt } = letter;
  return {
    ...deadFacts(letter),
    last_at: isoTime(lastAt),
    extras,
    payload: { format, fields, cut: isCut },
    body: withBytes ? Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("base64") : null,
  };
}
