/** Names that are the same each time the same row is read. */
import { hash } from "node:crypto";
import type { ForeignProgram, ForeignRow } from "../../store/foreign.ts";

const SHORT: Record<ForeignProgram, string> = {
  "aws-ses-sender": "rust",
  "aws-ses-sender-go": "go",
  "messages-api-gateway": "gateway",
};

/** The first `length` hexadecimal digits of the SHA-256 of `text`, 64 at most. */
export function hashed(text: string, length: number): string {
  return hash("sha256", text).slice(0, length);
}

/**
 * The uuid of the message that is made of a row, such as `adopt:rust:17:3f2a9c81d0b4`. Rows of two databases may have the same number, so
 * what never changes in a row is in it, too.
 */
export function uuidOf(program: ForeignProgram, { id, email, createdAt }: ForeignRow): string {
  const name = `adopt:${SHORT[program]}:${id}`;
  // A UUID is unique by itself.
  return program === "messages-api-gateway" ? name : `${name}:${hashed(`${createdAt} ${email}`, 12)}`;
}
