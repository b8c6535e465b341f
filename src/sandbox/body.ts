/** Reads the JSON body of a request. */
import { SesError } from "./answer.ts";

/**
 * A JSON object of a request. Read it with the functions below: they throw SerializationException for a member of the
 * wrong type.
 */
export type Body = Readonly<Record<string, unknown>>;

/**
 * Reads the body of a request; an empty one is `{}`.
 * @throws SesError SerializationException when it is not a JSON object.
 */
export function parseBody(bytes: Buffer): Body {
  if (bytes.length === 0) return {};
  try {
    return asObject(JSON.parse(bytes.toString("utf8")), "body");
  } catch (error) {
    throw error instanceof SesError ? error : serializationError("The request body is not valid JSON.");
  }
}

/**
 * A member that is an object; null when it is missing or null.
 * @throws SesError SerializationException for another type.
 */
export function objectOf(body: Body, member: string): Body | null {
  const value = body[member];
  return value === undefined || value === null ? null : asObject(value, member);
}

/**
 * A member that is a string; null when it is missing or null.
 * @throws SesError SerializationException for another type.
 */
export function textOf(body: Body, member: string): string | null {
  const value = body[member];
  if (value === undefined || value === null) return null;
  if (typeof value !== "string") throw serializationError(`Expected a string for ${member}.`);
  return value;
}

/**
 * A member that is a list of strings. A missing list is empty, as in SES.
 * @throws SesError SerializationException for another type.
 */
export function textsOf(body: Body, member: string): string[] {
  return listOf(body, member).map((item) => {
    if (typeof item !== "string") throw serializationError(`Expected strings in ${member}.`);
    return item;
  });
}

/**
 * A member that is a list of objects. A missing list is empty, as in SES.
 * @throws SesError SerializationException for another type.
 */
export function objectsOf(body: Body, member: string): Body[] {
  return listOf(body, member).map((item) => asObject(item, member));
}

function listOf(body: Body, member: string): unknown[] {
  const value = body[member];
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw serializationError(`Expected a list for ${member}.`);
  return value;
}

function asObject(value: unknown, member: string): Body {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw serializationError(`Expected an object for ${member}.`);
  }
  return value as Body;
}

function serializationError(text: string): SesError {
  return new SesError(400, "SerializationException", text);
}
