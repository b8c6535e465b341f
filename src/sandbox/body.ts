import { SesError } from "./answer.ts";

/** A JSON object of a request, read with the functions below: a member of the wrong type is a SerializationException. */
export type Body = Readonly<Record<string, unknown>>;

/** Reads a request body; an empty one is `{}`. */
export function parseBody(bytes: Buffer): Body {
  if (bytes.length === 0) return {};
  try {
    return asObject(JSON.parse(bytes.toString("utf8")), "body");
  } catch (error) {
    throw error instanceof SesError ? error : serializationError("The request body is not valid JSON.");
  }
}

export function objectOf(body: Body, member: string): Body | null {
  const value = body[member];
  return value === undefined || value === null ? null : asObject(value, member);
}

export function textOf(body: Body, member: string): string | null {
  const value = body[member];
  if (value === undefined || value === null) return null;
  if (typeof value !== "string") throw serializationError(`Expected a string for ${member}.`);
  return value;
}

/** A missing list is an empty one, as SES sees it. */
export function textsOf(body: Body, member: string): string[] {
  return listOf(body, member).map((item) => {
    if (typeof item !== "string") throw serializationError(`Expected strings in ${member}.`);
    return item;
  });
}

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
