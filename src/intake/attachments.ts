/** Reads the files that were posted with a message. */
import { contentTypeOf, nameProblem } from "../compose/content/attachment.ts";
import type { Attachment } from "../message.ts";
import { isObject } from "../json.ts";
import type { Place } from "./place.ts";
import { MOST_ATTACHED_BYTES } from "./schema.ts";

/** A media type, and parameters such as `; charset=utf-8` (RFC 2045 §5.1). SES takes up to 78 characters. */
const TOKEN = "[A-Za-z0-9!#$&^_.+-]{1,60}";
const CONTENT_TYPE = new RegExp(`^${TOKEN}/${TOKEN}(?:; ?${TOKEN}=(?:${TOKEN}|"[A-Za-z0-9 !#$&^_.+:/-]{0,60}"))*$`);
const MOST_CONTENT_TYPE = 78;

/** Separators of paths, line separators, halves of characters, and characters that turn the direction of a text. */
const NO_NAME = /[/\\\p{Cc}\p{Cs}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** Reads the attachments of one request, and adds up their bytes. */
export class AttachmentReader {
  #bytes = 0;

  /** The attachments of a message. What is wrong with them is reported. */
  read(message: Place): Attachment[] {
    return message.list("attachments").flatMap((given, index) => {
      if (!isObject(given)) return [];
      const place = message.below(given, "attachments", index);
      const fileName = this.#name(place);
      const data = this.#data(place);
      return [{ fileName, contentType: contentType(place, fileName), data }];
    });
  }

  #name(place: Place): string {
    const name = (place.text("name") ?? "").normalize("NFC");
    const problem = NO_NAME.test(name)
      ? "expected the name of a file, without a path, control or invisible characters"
      : nameProblem(name);
    if (problem !== null) place.problem("name", problem);
    else if (name !== "" && /^[\s.]*$/.test(name))
      place.problem("name", "expected the name of a file, such as bill.pdf");
    return name;
  }

  #data(place: Place): string {
    const data = place.text("data") ?? "";
    const padding = data.endsWith("==") ? 2 : data.endsWith("=") ? 1 : 0;
    const bytes = (data.length / 4) * 3 - padding;
    const isBase64 = data.length % 4 === 0 && BASE64.test(data);
    if (!isBase64) place.problem("data", "expected base64 (A–Z a–z 0–9 + / and = at the end), without line breaks");
    else if (data !== "" && bytes === 0) place.problem("data", "is an empty file, and SES takes no empty ones");
    const before = this.#bytes;
    this.#bytes += Math.max(0, bytes);
    if (before <= MOST_ATTACHED_BYTES && this.#bytes > MOST_ATTACHED_BYTES)
      place.problem(
        "data",
        `with this the attachments of the request are more than ${MOST_ATTACHED_BYTES / 1024 / 1024} MB`,
      );
    return data;
  }
}

function contentType(place: Place, fileName: string): string {
  const given = place.either("content_type", "contentType");
  if (given.value === null) return contentTypeOf(fileName);
  if (given.value.length > MOST_CONTENT_TYPE || !CONTENT_TYPE.test(given.value))
    place.problem(given.name, "expected a media type such as application/pdf");
  return given.value;
}

/** The length of all attachments together, in characters of base64. */
export function encodedLength(attachments: readonly Pick<Attachment, "data">[]): number {
  return attachments.reduce((sum, { data }) => sum + data.length, 0);
}
