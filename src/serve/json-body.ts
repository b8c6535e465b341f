import type { FastifyInstance } from "fastify";
import { Refusal } from "./errors.ts";

/**
 * Makes the server read bodies of this type (`*`: of any type) as JSON. An empty body, which some clients send with
 * DELETE, is null. Refuses keys that reach into prototypes (400), text that is not UTF-8 and would be sent with � in it
 * (400), and a content-encoding (415).
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
