/** Credentials that end while it runs and clocks that are wrong, by both wires: what the SDK decides, both do. Real HTTP. */
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { beforeEach, describe, expect, it, onTestFinished, test, vi } from "vitest";
import { createAnswerReader } from "../../../src/aws/wire/answer.ts";
import { BodyWriter } from "../../../src/aws/wire/body.ts";
import { wireOf } from "../../../src/aws/wire/wire.ts";
import type { Errand, Handler, Response } from "../../../src/aws/http-handler.ts";
import { Line } from "../../../src/aws/line.ts";
import { connectSes, type Ses, type SesOptions } from "../../../src/aws/ses.ts";
import { Deadline } from "../../../src/time/time-limit.ts";
import { SESv2Client } from "@aws-sdk/client-sesv2";
import { PLAIN_MAIL as MAIL } from "../../support/plain-mail.ts";

const MINUTE = 60_000;

async function server(listener: RequestListener): Promise<string> {
  const made = createServer((request, response) => request.resume().on("end", () => listener(request, response)));
  await new Promise<void>((resolve) => made.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    made.closeAllConnections();
    made.close();
  });
  return `http://127.0.0.1:${(made.address() as AddressInfo).port}`;
}

const json = (response: ServerResponse, status: number, body: object, headers: Record<string, string> = {}) =>
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));

const keyIn = ({ headers }: IncomingMessage): string =>
  /Credential=([^/]+)/.exec(headers.authorization ?? "")?.[1] ?? "";

/** `20261127T095645Z` as ms since the epoch. */
const dateIn = ({ headers }: IncomingMessage): number =>
  Date.parse(String(headers["x-amz-date"]).replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"));

let wire: "own" | "sdk" = "own";

function ses(endpoint: string, options: Partial<SesOptions> = {}): Ses {
  const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" };
  const client = connectSes({
    region: "us-east-1",
    endpoint,
    credentials,
    concurrency: 5,
    timeoutMs: 10_000,
    wire,
    ...options,
  });
  onTestFinished(() => client.close());
  return client;
}

describe.each(["own", "sdk"] as const)("by the wire %s", (way) => {
  beforeEach(() => {
    wire = way;
  });

  describe("a clock that is wrong", () => {
    /** SES with another time: it refuses what is signed more than five minutes away from it. */
    async function elsewhen(aheadMs: number, type: string) {
      const seen: number[] = [];
      const url = await server((request, response) => {
        const now = Date.now() + aheadMs;
        const offMs = dateIn(request) - now;
        seen.push(Math.round(offMs / MINUTE) + 0);
        const date = { date: new Date(now).toUTCString() };
        if (Math.abs(offMs) > 5 * MINUTE)
          json(response, 403, { message: "Signature expired" }, { ...date, "x-amzn-ErrorType": type });
        else if (request.method === "GET") json(response, 200, { SendQuota: { MaxSendRate: 5 } }, date);
        else json(response, 200, { MessageId: "m-1" }, date);
      });
      return { url, seen };
    }

    it.each([
      [10, "InvalidSignatureException"],
      [-10, "InvalidSignatureException"],
      [600, "RequestExpired"],
      [-600, "SignatureDoesNotMatch"],
    ])("by %i minutes, %s: the request is signed anew, once", async (minutes, type) => {
      const { url, seen } = await elsewhen(minutes * MINUTE, type);
      const client = ses(url);
      for (let mail = 0; mail < 3; mail++)
        expect(await client.send(MAIL, [])).toEqual({ kind: "sent", sesMessageId: "m-1" });
      expect(seen).toEqual([-minutes, 0, 0, 0]);
    });

    it("holds up none of those that leave together", async () => {
      const { url, seen } = await elsewhen(30 * MINUTE, "InvalidSignatureException");
      const client = ses(url, { concurrency: 40 });
      const outcomes = await Promise.all(Array.from({ length: 40 }, () => client.send(MAIL, [])));
      expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(["sent"]));
      expect(seen.filter((minutes) => minutes === 0)).toHaveLength(40);
      expect(seen.length).toBeLessThanOrEqual(80);
    });

    it("is known from the account", async () => {
      const { url, seen } = await elsewhen(20 * MINUTE, "InvalidSignatureException");
      const client = ses(url);
      expect(await client.account(5_000)).toMatchObject({ perSecond: 5 });
      expect(await client.send(MAIL, [])).toMatchObject({ kind: "sent" });
      expect(seen).toEqual([-20, 0, 0]);
    });

    it("that drifts is followed, from the answers that are good", async () => {
      let aheadMs = 0;
      const seen: number[] = [];
      const url = await server((request, response) => {
        seen.push(Math.round((dateIn(request) - Date.now()) / MINUTE) + 0);
        json(response, 200, { MessageId: "m-1" }, { date: new Date(Date.now() + aheadMs).toUTCString() });
      });
      const client = ses(url);
      for (aheadMs of [4 * MINUTE, 8 * MINUTE, 8 * MINUTE]) {
        await client.send(MAIL, []);
        // Dates have whole seconds.
        await new Promise((resolve) => setTimeout(resolve, 1_050));
      }
      expect(seen).toEqual([0, 4, 8]);
    });

    it("a signature that is wrong for another reason halts after one call", async () => {
      let calls = 0;
      const url = await server((_request, response) => {
        calls++;
        json(response, 403, { message: "no" }, { "x-amzn-ErrorType": "InvalidSignatureException" });
      });
      expect(await ses(url).send(MAIL, [])).toMatchObject({ kind: "halted" });
      expect(calls).toBe(1);
    });
  });

  describe("credentials", () => {
    const sendingTo = async () => {
      const seen: string[] = [];
      const url = await server((request, response) => {
        seen.push(`${keyIn(request)} ${String(request.headers["x-amz-security-token"] ?? "")}`.trim());
        json(response, 200, { MessageId: "m-1" });
      });
      return { url, seen };
    };

    it("that end in less than five minutes are asked for anew, and kept when they last", async () => {
      const { url, seen } = await sendingTo();
      let asked = 0;
      const credentials = async () => {
        const isFirst = ++asked === 1;
        const lastsMs = isFirst ? 5 * MINUTE + 800 : 60 * MINUTE;
        return { accessKeyId: `AKID${asked}`, secretAccessKey: "s", expiration: new Date(Date.now() + lastsMs) };
      };
      const client = ses(url, { credentials: credentials as never });
      await client.send(MAIL, []);
      await client.send(MAIL, []);
      await new Promise((resolve) => setTimeout(resolve, 900));
      await client.send(MAIL, []);
      // The SDK may hand out the old ones once more while it fetches the new ones in the background.
      const lastSeen = () => client.send(MAIL, []).then(() => seen.at(-1));
      await expect.poll(lastSeen).toBe("AKID2");
      expect(seen.slice(0, 2)).toEqual(["AKID1", "AKID1"]);
      expect(asked).toBe(2);
    });

    function only(env: Record<string, string>): void {
      for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"])
        vi.stubEnv(name, undefined);
      vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", "/none");
      vi.stubEnv("AWS_CONFIG_FILE", "/none");
      for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
      onTestFinished(() => void vi.unstubAllEnvs());
    }

    const lasting = (id: string) => ({
      AccessKeyId: id,
      SecretAccessKey: "s",
      Token: "token",
      Expiration: new Date(Date.now() + 60 * MINUTE).toISOString(),
    });

    it("of a container", async () => {
      const { url, seen } = await sendingTo();
      const agent = await server((_request, response) => json(response, 200, lasting("AKIDCONTAINER")));
      only({ AWS_CONTAINER_CREDENTIALS_FULL_URI: `${agent}/v2/credentials/1`, AWS_EC2_METADATA_DISABLED: "true" });
      expect(await ses(url, { credentials: undefined }).send(MAIL, [])).toMatchObject({ kind: "sent" });
      expect(seen).toEqual(["AKIDCONTAINER token"]);
    });

    it("of an instance", async () => {
      const { url, seen } = await sendingTo();
      const metadata = await server((request, response) => {
        if (request.method === "PUT") return void response.end("a-token");
        if (request.url?.endsWith("/security-credentials/")) return void response.end("a-role");
        return void json(response, 200, { Code: "Success", ...lasting("AKIDINSTANCE") });
      });
      only({ AWS_EC2_METADATA_SERVICE_ENDPOINT: metadata, AWS_EC2_METADATA_DISABLED: "false" });
      expect(await ses(url, { credentials: undefined }).send(MAIL, [])).toMatchObject({ kind: "sent" });
      expect(seen).toEqual(["AKIDINSTANCE token"]);
    });
  });

  it("an endpoint with a path is asked there", async () => {
    const paths: string[] = [];
    const url = await server((request, response) => {
      paths.push(`${request.method} ${request.url}`);
      json(response, 200, { MessageId: "m-1" });
    });
    expect(await ses(`${url}/base/x%20y`).send(MAIL, [])).toMatchObject({ kind: "sent" });
    expect(paths).toEqual(["POST /base/x%20y/v2/email/outbound-emails"]);
  });
});

test("a multi-region endpoint is asked there, signed for all regions, by the SDK", async () => {
  const line = new Line({
    region: "us-east-1",
    endpoint: undefined,
    credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" },
    concurrency: 1,
    endpointId: "abcd.xyz",
  });
  const seen: { hostname: string; headers: Record<string, string>; body: string }[] = [];
  line.client.middlewareStack.add(
    () =>
      ({ request }) => {
        seen.push(request as (typeof seen)[number]);
        return Promise.reject(new Error("kept back"));
      },
    { step: "deserialize", priority: "low", name: "keepBack" },
  );
  const departing = { mayLeave: () => true, onLeaving: () => undefined, onDeparted: () => undefined };
  const deadline = new Deadline(10_000);
  onTestFinished(() => deadline.end());
  const call = line.send({ mail: MAIL, tags: [] }, { departing, deadline });
  await expect(call).rejects.toThrow("kept back");
  expect(seen[0]?.hostname).toBe("abcd.xyz.endpoints.email.amazonaws.com");
  expect(seen[0]?.headers["authorization"]).toMatch(/^AWS4-ECDSA-P256-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/ses\//);
  expect(seen[0]?.headers["x-amz-region-set"]).toBe("*");
  expect(JSON.parse(seen[0]?.body ?? "")).toMatchObject({ EndpointId: "abcd.xyz", EmailTags: [] });
  line.client.destroy();
});

describe("the buffer of a body", () => {
  const client = new SESv2Client({
    region: "us-east-1",
    credentials: { accessKeyId: "a", secretAccessKey: "b" },
    endpoint: "http://127.0.0.1:1",
  });
  const departing = { mayLeave: () => true, onLeaving: () => undefined, onDeparted: () => undefined };
  const answer = (statusCode: number): Response => ({
    statusCode,
    reason: "",
    headers: {},
    body: Buffer.from(statusCode === 200 ? '{"MessageId":"m-1"}' : '{"message":"no"}'),
  });

  /** Sends a letter once for each of `ways`, and says which buffers were taken and are free when all are answered. */
  async function sent(ways: ((errand: Errand) => Promise<Response>)[]) {
    const bodies = new BodyWriter();
    const [taken, free] = [vi.spyOn(bodies, "write"), vi.spyOn(bodies, "release")];
    const rest = [...ways];
    const exchange: Handler["exchange"] = (_server, errand) => ({
      answer: (rest.shift() as (typeof ways)[number])(errand),
      cancel: () => undefined,
    });
    const made = await wireOf(client, { handler: { exchange } as Handler, answers: createAnswerReader(), bodies });
    const deadline = new Deadline(10_000);
    onTestFinished(() => deadline.end());
    for (const _ of ways) await made?.send({ mail: MAIL, tags: [] }, { departing, deadline }).catch(() => undefined);
    return {
      taken: taken.mock.results.map(({ value }) => value as Buffer),
      free: free.mock.calls.map(([body]) => body),
    };
  }

  it("is taken when the connection stands, and not before", async () => {
    expect(await sent([async () => answer(200)])).toEqual({ taken: [], free: [] });
  });

  it("is free as soon as the request has left, before its answer comes", async () => {
    let wasFree = false;
    const { taken, free } = await sent([
      async (errand) => {
        const { body } = errand.message();
        errand.onLeaving();
        errand.onDeparted();
        wasFree = true;
        expect(body).toBeInstanceOf(Buffer);
        return answer(200);
      },
    ]);
    expect(wasFree).toBe(true);
    expect(free).toEqual(taken);
    expect(taken).toHaveLength(1);
  });

  it.each<[string, () => Promise<Response>]>([
    ["the answer came early", async () => answer(413)],
    ["nothing came", async () => Promise.reject(new Error("lost"))],
  ])("is not while the request may still be written: %s", async (_name, end) => {
    const { taken, free } = await sent([
      (errand) => {
        errand.message();
        errand.onLeaving();
        return end();
      },
    ]);
    expect(taken).toHaveLength(1);
    expect(free).toEqual([]);
  });

  it("of a second request is another one, which a late end of the first leaves alone", async () => {
    const errands: Errand[] = [];
    const { taken, free } = await sent([
      async (errand) => {
        errands.push(errand);
        errand.message();
        return answer(403);
      },
      async (errand) => {
        errand.message();
        errands[0]?.onDeparted();
        errands[0]?.onDeparted();
        return answer(200);
      },
    ]);
    const [first, second] = taken;
    expect(first?.buffer).not.toBe(second?.buffer);
    expect(free).toHaveLength(1);
    expect(free[0]).toBe(first);
  });
});
