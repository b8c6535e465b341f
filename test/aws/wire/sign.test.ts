/** Requests of the wire are addressed and signed as the SDK's are, for every kind of endpoint. */
import { SESv2Client, type SESv2ClientConfig } from "@aws-sdk/client-sesv2";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Signer } from "../../../src/aws/wire/sign.ts";
import { type Target, targetOf } from "../../../src/aws/wire/target.ts";
import fc from "../../support/properties.ts";

afterEach(() => void vi.unstubAllEnvs());

const KEYS = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };

/** Names and values in turn, by name. */
const inPairs = (headers: string[]) =>
  Object.fromEntries(headers.flatMap((name, at) => (at % 2 === 0 ? [[name, headers[at + 1]]] : [])));

type Keys = typeof KEYS & { sessionToken?: string };
type Sdk = Awaited<ReturnType<SESv2Client["config"]["signer"]>>;

const config = (change: SESv2ClientConfig): SESv2ClientConfig => ({
  region: "us-east-1",
  credentials: KEYS,
  maxAttempts: 1,
  ...change,
});

async function targetFor(change: SESv2ClientConfig = {}): Promise<Target> {
  const client = new SESv2Client(config(change));
  const target = await targetOf(client);
  client.destroy();
  if (target === null) throw new Error("the wire cannot take it");
  return target;
}

/** The signer of a client of the SDK with these keys. */
async function signerOf({ region, service }: Target, keys: Keys): Promise<Sdk> {
  const client = new SESv2Client(config({ credentials: keys }));
  return client.config.signer({ name: "sigv4", signingName: service, signingRegion: region, properties: {} });
}

/** What the SDK's own signer makes of the same request at the same instant. */
async function theirs(target: Target, signer: Sdk, body: Buffer, at: number) {
  const { protocol, hostname, port, path, headers } = target;
  const request = {
    method: "POST",
    protocol,
    hostname,
    ...(port !== undefined && { port }),
    path,
    query: {},
    headers: { ...headers, "content-length": String(body.length) },
    body,
  };
  const { region: signingRegion, service: signingService } = target;
  const signed = await signer.sign(request, { signingDate: new Date(at), signingRegion, signingService });
  return signed.headers;
}

const PLACES: [name: string, change: SESv2ClientConfig, host: string, path: string][] = [
  ["plain", {}, "email.us-east-1.amazonaws.com", "/v2/email/outbound-emails"],
  ["FIPS", { useFipsEndpoint: true }, "email-fips.us-east-1.amazonaws.com", "/v2/email/outbound-emails"],
  ["dual stack", { useDualstackEndpoint: true }, "email.us-east-1.api.aws", "/v2/email/outbound-emails"],
  ["China", { region: "cn-north-1" }, "email.cn-north-1.amazonaws.com.cn", "/v2/email/outbound-emails"],
  ["GovCloud", { region: "us-gov-west-1" }, "email.us-gov-west-1.amazonaws.com", "/v2/email/outbound-emails"],
  ["of somebody else", { endpoint: "http://127.0.0.1:8025" }, "127.0.0.1", "/v2/email/outbound-emails"],
  [
    "with a path",
    { endpoint: "https://x.example:444/a b/~c%20d/" },
    "x.example",
    "/a%20b/~c%20d//v2/email/outbound-emails",
  ],
  ["IPv6", { endpoint: "http://[::1]:8025" }, "[::1]", "/v2/email/outbound-emails"],
];

describe("an endpoint", () => {
  test.each(PLACES)("%s", async (_name, change, host, path) => {
    const target = await targetFor(change);
    expect(target.hostname).toBe(host);
    expect(target.path).toBe(path);
    expect(target).toMatchObject({ service: "ses", region: change.region ?? "us-east-1", correctsClock: true });
    const body = Buffer.from('{"a":"é"}');
    const at = Date.UTC(2026, 10, 27, 9, 5, 7);
    const signer = new Signer(target);
    for (const keys of [KEYS, { ...KEYS, sessionToken: "tok/en+==" }, { ...KEYS, sessionToken: "two  of\t them" }])
      expect(inPairs(signer.headers(body, keys, at))).toEqual(
        await theirs(target, await signerOf(target, keys), body, at),
      );
  });

  test("of the environment is the SDK's choice, too", async () => {
    vi.stubEnv("AWS_ENDPOINT_URL_SESV2", "https://ses.example/base");
    const target = await targetFor();
    expect(target).toMatchObject({ hostname: "ses.example", path: "/base/v2/email/outbound-emails" });
    const body = Buffer.from("x");
    const signed = await theirs(target, await signerOf(target, KEYS), body, 0);
    expect(inPairs(new Signer(target).headers(body, KEYS, 0))).toEqual(signed);
  });

  test("what the SDK sends with each request, the wire sends, but for the count of its attempts", async () => {
    const { headers, signed } = await targetFor();
    expect(Object.keys(headers).sort()).toEqual(["content-type", "host", "user-agent", "x-amz-user-agent"]);
    expect(signed).toEqual([
      "content-length",
      "content-type",
      "host",
      "x-amz-content-sha256",
      "x-amz-date",
      "x-amz-user-agent",
    ]);
  });

  test("a clock that is not to be corrected", async () => {
    expect(await targetFor({ disableClockSkewCorrection: true })).toMatchObject({
      correctsClock: false,
    });
  });

  test("what is wrong rejects as a call of the SDK does", async () => {
    await expect(targetFor({ region: "not a region!" })).rejects.toThrow(/region/i);
    const credentials = () => Promise.reject(new Error("no keys today"));
    await expect(targetFor({ credentials })).rejects.toThrow("no keys today");
  });
});

test("random bodies, keys and instants are signed alike", async () => {
  const target = await targetFor();
  const signer = new Signer(target);
  const people: Keys[] = [
    { accessKeyId: "AKIDA", secretAccessKey: "s/1" },
    { accessKeyId: "AKIDB", secretAccessKey: "s+2", sessionToken: "t1" },
    { accessKeyId: "AKIDA", secretAccessKey: "s/1", sessionToken: "t2" },
  ];
  const signers = await Promise.all(people.map((keys) => signerOf(target, keys)));
  const instants = fc.integer({ min: 0, max: 4_000_000_000_000 });
  const who = fc.integer({ min: 0, max: people.length - 1 });
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), who, instants, async (bytes, index, at) => {
      const [body, keys, sdk] = [Buffer.from(bytes), people[index] ?? KEYS, signers[index]];
      expect(inPairs(signer.headers(body, keys, at))).toEqual(sdk && (await theirs(target, sdk, body, at)));
    }),
    { numRuns: 500 },
  );
});
