/** Makes GET requests to Amazon, limited in time and size. */
import { get } from "node:https";

/** A whole answer, with any status. */
export interface HttpsAnswer {
  status: number;
  body: string;
}

/**
 * Makes one GET request. Rejects when no whole answer comes. It is passed as a parameter, so that tests can stand in
 * for Amazon.
 */
export type HttpsGet = (url: string) => Promise<HttpsAnswer>;

/** For everything: looking up the name, connection, TLS, answer. SNS itself waits 15 s for our answer. */
const TIME_LIMIT_MS = 5_000;
/** Bytes. A signing certificate has 2 KB, and 6 KB with its whole chain. */
const SIZE_LIMIT = 65_536;

/**
 * Makes one GET request that takes 5 s and brings 64 KiB at most; rejects otherwise. Follows no redirect: a 302 is an
 * answer like any other. Trusts the certificate authorities that Node trusts (`NODE_EXTRA_CA_CERTS` adds some), or `ca`
 * alone.
 */
export function httpsGet(url: string, options: { ca?: string; timeLimitMs?: number } = {}): Promise<HttpsAnswer> {
  const { timeLimitMs = TIME_LIMIT_MS, ...trust } = options;
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
