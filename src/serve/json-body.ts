import type { Readable } from "node:stream";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { summary } from "../intake/problems.ts";
import { reachingProblemsIn } from "../intake/sound.ts";
import { utf8Text, withoutMark } from "../json.ts";
import { Refusal } from "./errors.ts";

/** Makes a body of a text of JSON by `parse`, which rejects for what is none. */
type Read = (text: string, parse: (text: string) => Promise<unknown>, request: FastifyRequest) => Promise<unknown>;

/**
 * Makes the server read bodies of this type (`*`: of any type) as JSON. An empty body, which some clients send with
 * DELETE, is null. Refuses keys that reach into prototypes (400), text that is not UTF-8 and would be sent with � in it
 * (400), and a content-encoding (415). `read` may read a text in parts.
 */
export function readJson(app: FastifyInstance, type: string, read: Read = (text, parse) => parse(text)): void {
  const parse = app.getDefaultJsonParser("error", "error");
  app.addContentTypeParser(type, async (request: FastifyRequest, payload: Readable) => {
    const encoding = request.headers["content-encoding"] ?? "identity";
    if (encoding !== "identity") throw new Refusal(415, "expected a body without content-encoding");
    const marked = utf8Text(await app.bodies.read(request, payload));
    if (marked === null) throw new Refusal(400, "the body is not valid UTF-8");
    const text = withoutMark(marked);
    if (!/\S/.test(text)) return null;
    const parsed = (json: string): Promise<unknown> =>
      new Promise((resolve, reject) => {
        void parse(request, json, (error, value) => (error ? reject(reaching(json) ?? error) : resolve(value)));
      });
    return read(text, parsed, request);
  });
}

/** The parser refuses names that reach into prototypes with the error for what is no JSON at all. Null: that is what it is. */
function reaching(text: string): Refusal | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const problems = reachingProblemsIn(value);
  return new Refusal(400, summary(problems), problems);
}
