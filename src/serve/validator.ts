/** Holds requests to the schemas of their routes. */
import { Ajv } from "ajv";
import type { FastifyServerOptions } from "fastify";
import { STRICT } from "../intake/structure.ts";

type BuildValidator = NonNullable<
  NonNullable<NonNullable<FastifyServerOptions["schemaController"]>["compilersFactory"]>["buildValidator"]
>;

/** In a body nothing is taken for something else. A query string is text: there `24` is the number. */
export const buildValidator = ((externalSchemas: Record<string, object> = {}) => {
  const strict = new Ajv(STRICT);
  // Without strictNumbers a maximum holds for 1e400, too, which is read as infinity.
  const lenient = new Ajv({ ...STRICT, coerceTypes: true, useDefaults: true, strictNumbers: false });
  for (const schema of Object.values(externalSchemas)) for (const ajv of [strict, lenient]) ajv.addSchema(schema);
  return ({ schema, httpPart }: { schema: object; httpPart?: string }) =>
    (httpPart === "body" ? strict : lenient).compile(schema);
}) as unknown as BuildValidator;
