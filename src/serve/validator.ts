/** Checks requests against the schemas of their routes. */
import { Ajv } from "ajv";
import type { FastifyServerOptions } from "fastify";
import { STRICT } from "../intake/structure.ts";

type BuildValidator = NonNullable<
  NonNullable<NonNullable<FastifyServerOptions["schemaController"]>["compilersFactory"]>["buildValidator"]
>;

/**
 * For Fastify. In a body no value is converted. Elsewhere, as in a query string, everything is text, so `24` becomes a
 * number.
 */
export const buildValidator = ((externalSchemas: Record<string, object> = {}) => {
  // The first problem is enough: a body of some megabytes may have a million.
  const strict = new Ajv({ ...STRICT, allErrors: false });
  // Without strictNumbers, 1e400 (read as infinity) is a number, and a maximum refuses it.
  const lenient = new Ajv({ ...STRICT, coerceTypes: true, useDefaults: true, strictNumbers: false });
  for (const schema of Object.values(externalSchemas)) for (const ajv of [strict, lenient]) ajv.addSchema(schema);
  return ({ schema, httpPart }: { schema: object; httpPart?: string }) =>
    (httpPart === "body" ? strict : lenient).compile(schema);
}) as unknown as BuildValidator;
