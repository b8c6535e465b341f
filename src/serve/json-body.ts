import type { FastifyInstance } from "fastify";
import { Refusal } from "./errors.ts";

/**
 * Reads bodies of this type, or of any type (`*`), as JSON; null when there is none, which some clients send with DELETE.
 * Keys that reach into prototypes are refused, and so is what is not UTF-8: read in spite of that, names and texts would
 * leave with � in them.
 */
export function readJson(app: FastifyInstance, type: string): void {
  const parse = app.getDefaultJsonParser("error", "error");
  app.addContentTypeParser(type, { parseAs: "buffer" }, (request, body, done) => {
    const encoding = request.headers["content-encoding"] ?? "identity";
    if (encoding !== "identity") return done(new Refusal(415, "expected a body without content-encoding"));
    const text = decode(body as Buffer);
    if (text === null) return done(new Refusal(400, "the body is not valid UTF-8"));
    if (/\S/.test(text)) return parse(request, text, done);
    done(null, null);
  });
}

function decode(body: Buffer): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    return null;
  }
}
