import { get } from "node:https";

export interface HttpsAnswer {
  status: number;
  body: string;
}

/** Asks Amazon something; a parameter, so that tests are Amazon. Rejects when there is no whole answer. */
export type HttpsGet = (url: string) => Promise<HttpsAnswer>;

/** All of it: name, connection, TLS, answer. SNS itself waits 15 s for us. */
const TIME_LIMIT_MS = 5_000;
/** A signing certificate has 2 KB, with its whole chain 6. */
const SIZE_LIMIT = 65_536;

/**
 * No redirect is followed: a 302 is an answer like any other. Trusts the authorities Node does (`NODE_EXTRA_CA_CERTS` adds
 * some), or `ca` alone.
 */
export function httpsGet(url: string, limits: { ca?: string; timeLimitMs?: number } = {}): Promise<HttpsAnswer> {
  const { timeLimitMs = TIME_LIMIT_MS, ...trust } = limits;
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeLimitMs);
    const request = get(url, { agent: false, signal, ...trust }, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size > SIZE_LIMIT) request.destroy(new Error(`the answer is larger than ${SIZE_LIMIT} bytes`));
        else chunks.push(chunk);
      });
      response.on("error", reject);
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") }),
      );
    });
    request.on("error", reject);
  });
}
