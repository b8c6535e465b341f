import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { openSesReader, type SesReader } from "../../src/aws/ses-reader.ts";

interface Reply {
  status?: number;
  type?: string;
  body?: unknown;
}

/** SES with these answers: one for a path, or several that are given one after the other. */
async function scripted(answers: Record<string, Reply | Reply[]>, signal = new AbortController().signal) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const route = `${request.method} ${request.url}`;
    asked.push(route);
    const script = [
      answers[route] ?? { status: 404, type: "NotFoundException", body: { message: "no such thing" } },
    ].flat();
    const times = asked.filter((each) => each === route).length;
    const { status = 200, type, body = {} } = script[Math.min(times, script.length) - 1] ?? {};
    response.writeHead(status, { "content-type": "application/json", ...(type && { "x-amzn-ErrorType": type }) });
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  vi.stubEnv("AWS_ENDPOINT_URL_SESV2", `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const ses: SesReader = openSesReader("eu-west-1", signal);
  onTestFinished(() => {
    ses.close();
    server.closeAllConnections();
    server.close();
  });
  return { ses, asked };
}

beforeEach(() => {
  for (const name of ["AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN"])
    vi.stubEnv(name, undefined);
  vi.stubEnv("AWS_CONFIG_FILE", "/nonexistent");
  vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent");
  vi.stubEnv("AWS_EC2_METADATA_DISABLED", "true");
  vi.stubEnv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "secret");
});
afterEach(() => vi.unstubAllEnvs());

test("what the credentials may not read names the permission", async () => {
  const denied = { status: 403, type: "AccessDeniedException", body: { message: "User is not authorized" } };
  const { ses } = await scripted({
    "GET /v2/email/account": denied,
    "GET /v2/email/identities/news%40example.com": denied,
    "GET /v2/email/configuration-sets/cs": denied,
    "GET /v2/email/configuration-sets/cs/event-destinations": denied,
    "POST /v2/email/list-identities": denied,
  });
  expect(await ses.account()).toEqual({ kind: "denied", action: "ses:GetAccount" });
  expect(await ses.identity("news@example.com")).toEqual({ kind: "denied", action: "ses:GetEmailIdentity" });
  expect(await ses.configurationSet("cs")).toEqual({ kind: "denied", action: "ses:GetConfigurationSet" });
  const action = "ses:GetConfigurationSetEventDestinations";
  expect(await ses.eventDestinations("cs")).toEqual({ kind: "denied", action });
  expect(await ses.verifiedIdentities()).toEqual({ kind: "denied", action: "ses:ListEmailIdentities" });
});

test("wrong credentials are a failure with what to do", async () => {
  const body = { message: "The security token included in the request is invalid." };
  const { ses } = await scripted({
    "GET /v2/email/account": { status: 403, type: "UnrecognizedClientException", body },
  });
  expect(await ses.account()).toMatchObject({ kind: "failed", hint: "check the AWS credentials" });
});

test("no credentials", async () => {
  vi.stubEnv("AWS_ACCESS_KEY_ID", undefined);
  const { ses, asked } = await scripted({});
  expect(await ses.account()).toMatchObject({ kind: "failed", hint: expect.stringContaining("AWS_ACCESS_KEY_ID") });
  expect(asked).toEqual([]);
});

test("no region", async () => {
  await scripted({});
  const ses = openSesReader(undefined, new AbortController().signal);
  expect(await ses.region()).toBeNull();
  expect(await ses.account()).toMatchObject({ kind: "failed", hint: expect.stringContaining("AWS_REGION") });
});

test("a proxy that answers HTML", async () => {
  const { ses } = await scripted({ "GET /v2/email/account": { status: 400, body: "<html>Sign in</html>" } });
  expect((await ses.account()).kind).toBe("failed");
});

test("asked too fast, it asks again", async () => {
  const tooFast = { status: 429, type: "TooManyRequestsException", body: { message: "Rate exceeded" } };
  const { ses, asked } = await scripted({ "GET /v2/email/account": [tooFast, { body: { SendingEnabled: false } }] });
  expect(await ses.account()).toMatchObject({ kind: "found", value: { sendingEnabled: false } });
  expect(asked.length).toBe(2);
});

test("an interrupted question ends at once", async () => {
  const abort = new AbortController();
  const { ses, asked } = await scripted({}, abort.signal);
  abort.abort("SIGINT");
  expect((await ses.account()).kind).toBe("failed");
  expect(asked).toEqual([]);
});

test("the account, with what may be missing in a new one", async () => {
  const full = {
    EnforcementStatus: "PROBATION",
    ProductionAccessEnabled: false,
    SendingEnabled: true,
    SendQuota: { Max24HourSend: -1, MaxSendRate: 14, SentLast24Hours: 3 },
    SuppressionAttributes: { SuppressedReasons: ["BOUNCE"] },
  };
  const { ses } = await scripted({ "GET /v2/email/account": [{ body: full }, { body: {} }] });
  expect(await ses.account()).toEqual({
    kind: "found",
    value: {
      perSecond: 14,
      quota: null,
      sentLast24Hours: 3,
      sendingEnabled: true,
      productionAccess: false,
      enforcement: "PROBATION",
      suppressedReasons: ["BOUNCE"],
    },
  });
  expect(await ses.account()).toMatchObject({ kind: "found", value: { quota: 0, enforcement: "HEALTHY" } });
});

test("an identity, and one that is not there", async () => {
  const body = {
    IdentityType: "DOMAIN",
    VerifiedForSendingStatus: true,
    VerificationStatus: "SUCCESS",
    FeedbackForwardingStatus: true,
    DkimAttributes: {
      SigningEnabled: true,
      Status: "SUCCESS",
      Tokens: ["x", "y"],
      SigningAttributesOrigin: "AWS_SES",
      SigningHostedZone: "dkim.eu-west-1.amazonses.com",
    },
    MailFromAttributes: {
      MailFromDomain: "b.example.com",
      MailFromDomainStatus: "PENDING",
      BehaviorOnMxFailure: "REJECT_MESSAGE",
    },
    ConfigurationSetName: "cs",
  };
  const { ses } = await scripted({
    "GET /v2/email/identities/example.com": [{ body }, { body: { IdentityType: "EMAIL_ADDRESS" } }],
  });
  expect(await ses.identity("example.com")).toEqual({
    kind: "found",
    value: {
      name: "example.com",
      isDomain: true,
      verified: true,
      verificationStatus: "SUCCESS",
      dkim: {
        signing: true,
        status: "SUCCESS",
        tokens: ["x", "y"],
        origin: "AWS_SES",
        zone: "dkim.eu-west-1.amazonses.com",
      },
      mailFrom: { domain: "b.example.com", status: "PENDING", rejects: true },
      feedbackForwarding: true,
      configurationSet: "cs",
    },
  });
  expect(await ses.identity("example.com")).toMatchObject({
    value: {
      isDomain: false,
      verified: false,
      dkim: { tokens: [], zone: "dkim.amazonses.com" },
      mailFrom: { domain: null },
    },
  });
  expect(await ses.identity("other.example")).toEqual({ kind: "missing" });
});

test("event destinations keep their settings as they are", async () => {
  const sns = { Name: "a", Enabled: true, MatchingEventTypes: ["SEND"], SnsDestination: { TopicArn: "arn" } };
  const { ses } = await scripted({
    "GET /v2/email/configuration-sets/cs/event-destinations": { body: { EventDestinations: [sns, { Name: "b" }] } },
  });
  expect(await ses.eventDestinations("cs")).toEqual({
    kind: "found",
    value: [
      { name: "a", enabled: true, types: ["SEND"], target: { kind: "SnsDestination", settings: { TopicArn: "arn" } } },
      { name: "b", enabled: false, types: [], target: null },
    ],
  });
});

test("verified identities come in pages", async () => {
  const page = (name: string, token?: string) => ({
    body: {
      EmailIdentities: [
        { IdentityName: name, SendingEnabled: true },
        { IdentityName: `no-${name}`, SendingEnabled: false },
      ],
      NextToken: token,
    },
  });
  const { ses } = await scripted({ "POST /v2/email/list-identities": [page("a.example", "next"), page("b.example")] });
  expect(await ses.verifiedIdentities()).toEqual({ kind: "found", value: ["a.example", "b.example"] });
});
