/** Holds requests to the schemas of their routes. */
import { Ajv } from "ajv";
import type { FastifyServerOptions } from "fastify";

type BuildValidator = NonNullable<
  NonNullable<NonNullable<FastifyServerOptions["schemaController"]>["compilersFactory"]>["buildValidator"]
>;

/** Every problem is named, and nothing is dropped silently. Formats are documentation, checked where they matter. */
const STRICT = { allErrors: true, allowUnionTypes: true, validateFormats: false };

/** In a body nothing is taken for something else. A query string is text: there `24` is the number. */
export const buildValidator = ((externalSchemas: Record<string, object> = {}) => {
  const strict = new Ajv(STRICT);
  // Without strictNumbers a maximum holds for 1e400, too, which is read as infinity.
  const lenient = new Ajv({ ...STRICT, coerceTypes: true, useDefaults: true, strictNumbers: false });
  for (const schema of Object.values(externalSchemas)) for (const ajv of [strict, lenient]) ajv.addSchema(schema);
  return ({ schema, httpPart }: { schema: object; httpPart?: string }) =>
    (httpPart === "body" ? strict : lenient).compile(schema);
}) as unknown as BuildValidator;
