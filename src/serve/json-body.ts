import type { FastifyInstance } from "fastify";

/**
 * Reads bodies of this type, or of any type (`*`), as JSON; null when there is none, which some clients send with DELETE.
 * Keys that reach into prototypes are refused.
 */
export function readJson(app: FastifyInstance, type: string): void {
  const parse = app.getDefaultJsonParser("error", "error");
  app.addContentTypeParser(type, { parseAs: "string" }, (request, body, done) => {
    if (/\S/.test(body as string)) return parse(request, body as string, done);
    done(null, null);
  });
}
