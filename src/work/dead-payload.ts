/** What is in a dead letter, for people and programs. */
import { readableBody } from "../intake/broker/readable.ts";
import { decodeMail } from "../queue/nats/payload.ts";
import type { DeadLetter } from "../store/rows.ts";

/** What was read of a letter's bytes. */
export interface Payload {
  /** For a program: a mail of NATS by its fields, else the JSON that it is; null: it can be read as neither. */
  value: unknown;
  /** For people: lines, of large letters the first. Control characters are still in it. */
  text: string;
}

/** Reads what is in a dead letter, as far as it can be read. */
export async function payloadOf(letter: Pick<DeadLetter, "source" | "body">): Promise<Payload> {
  const { fields, isCut } = await readableBody(letter);
  const lines = fields.map(({ name, text }) => (name === "" ? text : `${name}: ${text}`));
  return { value: valueOf(letter), text: [...lines, ...(isCut ? ["… and more; --json has all"] : [])].join("\n") };
}

function valueOf({ source, body }: Pick<DeadLetter, "source" | "body">): unknown {
  const mail = source === "nats" ? decodeMail(body) : null;
  if (mail !== null && !("wrong" in mail)) return mail;
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body));
  } catch {
    return null;
  }
}
