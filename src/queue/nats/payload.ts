/** What NATS brings and takes: mails in MessagePack. */
import { decode, encode } from "@msgpack/msgpack";
/** One mail. */
export interface NatsMail {
  uuid: string;
  email: string;
  subject: string;
  body: string;
}
/** The mail as `[uuid, email, subject, body]`. */
export function encodeMail({ uuid, email, subject, body }: NatsMail): Uint8Array {
  return encode([uuid, email, subject, body]);
}
const FIELDS = ["uuid", "email", "subject", "body"] as const;
/** The mail in these bytes; or what is wrong with them, in one line. Never throws. */
export function decodeMail(bytes: Uint8Array): NatsMail | { wrong: string } {
  if (bytes.byteLength > 10 * 1024 * 1024) return { wrong: "expected at most 10 MB" };
  let value: unknown;
  try {
    value = decode(bytes, { rawStrings: true });
  } catch {
    return { wrong: "expected MessagePack" };
  }
  if (!Array.isArray(value) || value.length !== 4) return { wrong: "expected [uuid, email, subject, body]" };
  const texts: string[] = [];
  for (const [index, each] of value.entries()) {
    if (!(each instanceof Uint8Array)) return { wrong: `${FIELDS[index]}: expected text` };
    try {
      texts.push(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(each));
    } catch {
      return { wrong: `${FIELDS[index]}: expected UTF-8` };
    }
    if (texts.at(-1)!.includes("\0")) return { wrong: `${FIELDS[index]}: holds NUL` };
    if (texts.at(-1) === "") return { wrong: `${FIELDS[index]}: is empty` };
  }
  const [uuid = "", email = "", subject = "", body = ""] = texts;
  return { uuid, email, subject, body };
}
