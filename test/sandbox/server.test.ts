import { join } from "node:path";

import * as ses from "@aws-sdk/client-sesv2";
import { describe, expect, test } from "vitest";

import { UserError } from "../../src/errors.ts";
import { startSandbox, type SandboxOptions } from "../../src/sandbox/server.ts";
import { endpoint, mailTo, outcome, send, TestClock } from "./endpoint.ts";

const OPTIONS: SandboxOptions = { port: 0, rate: 14, quota: -1, latencyMs: 0, outbox: null, events: null, faults: [] };
const SIGNED =
  "AWS4-HMAC-SHA256 Credential=a/20260101/eu-west-1/ses/aws4_request, SignedHeaders=host;x-amz-date, Signature=" +
  "0".repeat(64);

describe("startSandbox refuses", () => {
  test.each([
    ["the events file", { events: "/" }],
    ["the log file", { log: "/" }],
  ])("%s that is a folder, in our own words", async (what, options) => {
    await expect(startSandbox({ ...OPTIONS, ...options })).rejects.toThrow(`cannot write ${what} /: it is a folder`);
  });

  test.each([
    ["rate 0", { rate: 0 }],
    ["no rate", { rate: NaN }],
    ["a negative quota", { quota: -2 }],
    ["half a recipient", { quota: 1.5 }],
    ["an events file in a folder that is not there", { events: "/nowhere/at/all.ndjson" }],
    ["an outbox that is a file", { outbox: "/dev/null/outbox" }],
    ["a log that cannot be opened", { log: "/nowhere/at/all.ndjson" }],
  ])("%s", async (_, options) => {
    await expect(startSandbox({ ...OPTIONS, ...options })).rejects.toThrow(UserError);
  });

  test("a port that is taken", async () => {
    const { sandbox } = await endpoint();
    await expect(startSandbox({ ...OPTIONS, port: sandbox.port })).rejects.toThrow(/the port is taken/);
  });
});

describe("a request is refused", () => {
  const ask = async (url: string, init: RequestInit = {}) => {
    const response = await fetch(url, { headers: { authorization: SIGNED }, ...init });
    return { status: response.status, type: response.headers.get("x-amzn-errortype"), text: await response.text() };
  };

  test.each([
    ["without a signature", ""],
    ["with another scheme", "Bearer abc"],
    ["signed for another service", SIGNED.replace("/ses/", "/s3/")],
    ["with half a signature", SIGNED.slice(0, -1)],
  ])("%s", async (_, authorization) => {
    const { sandbox } = await endpoint();
    const found = await ask(`${sandbox.url}/v2/email/account`, { headers: { authorization } });
    expect(found).toMatchObject({ status: 403, type: "MissingAuthenticationToken" });
  });

  test.each([
    ["GET", "/"],
    ["GET", "/v2/email/nothing"],
    ["DELETE", "/v2/email/account"],
    ["GET", "/v2/email/identities/a/b"],
  ])("for %s %s, which SES does not have", async (method, path) => {
    const { sandbox } = await endpoint();
    expect(await ask(sandbox.url + path, { method })).toMatchObject({ status: 404, type: "UnknownOperationException" });
  });

  test.each([["{"], ["[]"], ['"text"'], ['{"Destination":[]}'], ['{"Content":{"Simple":{}},"FromEmailAddress":7}']])(
    "with the body %s",
    async (body) => {
      const { sandbox } = await endpoint();
      const found = await ask(`${sandbox.url}/v2/email/outbound-emails`, {
        method: "POST",
        headers: { authorization: SIGNED },
        body,
      });
      expect(found.status).toBe(400);
      expect(found.type).toMatch(/^(SerializationException|BadRequestException)$/);
    },
  );

  test("with a label that is not percent-encoded", async () => {
    const { sandbox } = await endpoint();
    expect(await ask(`${sandbox.url}/v2/email/identities/%E0%A4%A`)).toMatchObject({ status: 400 });
  });

  test("with more than 40 MB", async () => {
    const { sandbox, client } = await endpoint();
    const body = " ".repeat(40 * 1024 * 1024 + 1);
    const found = await ask(`${sandbox.url}/v2/email/outbound-emails`, {
      method: "POST",
      headers: { authorization: SIGNED },
      body,
    });
    expect(found).toMatchObject({ status: 413, type: "RequestEntityTooLargeException" });
    await send(client, mailTo("a@example.net"));
  });
});

test("answers carry what SES sends: type, request id, JSON, and the real date whatever the clock says", async () => {
  const clock = new TestClock();
  clock.ms = 0;
  const { sandbox } = await endpoint({ clock });
  const response = await fetch(`${sandbox.url}//v2/email/configuration-sets`, {
    method: "POST",
    headers: { authorization: SIGNED },
    body: "{}",
  });
  expect(response.status).toBe(400);
  expect(response.headers.get("content-type")).toBe("application/json");
  expect(response.headers.get("x-amzn-requestid")).toMatch(/^[0-9a-f-]{36}$/);
  expect(await response.json()).toEqual({ message: "ConfigurationSetName must not be empty." });
  expect(Date.parse(response.headers.get("date") ?? "")).toBeGreaterThan(Date.UTC(2024, 0));
});

test("GetAccount tells the limits, what was sent and the state of the account", async () => {
  const { client } = await endpoint({ rate: 2.5, quota: 200, sandboxAccount: true, enforcement: "PROBATION" });
  await send(client, mailTo(["a@example.net", "b@example.net"]));
  expect(await client.send(new ses.GetAccountCommand({}))).toMatchObject({
    SendQuota: { Max24HourSend: 200, MaxSendRate: 2.5, SentLast24Hours: 2 },
    ProductionAccessEnabled: false,
    SendingEnabled: true,
    EnforcementStatus: "PROBATION",
  });
});

describe("identities", () => {
  const get = (client: ses.SESv2Client, identity: string) =>
    client.send(new ses.GetEmailIdentityCommand({ EmailIdentity: identity }));

  test("are all verified when no list is given", async () => {
    const { client } = await endpoint();
    expect(await get(client, "o'neil+x@example.com")).toMatchObject({
      IdentityType: "EMAIL_ADDRESS",
      VerifiedForSendingStatus: true,
      DkimAttributes: { SigningEnabled: true, Status: "SUCCESS" },
      ConfigurationSetName: "default",
    });
  });

  test("come from the list, or are created and wait", async () => {
    const { client, sandbox } = await endpoint({ verified: ["example.com"] });
    expect(await get(client, "sub.example.com")).toMatchObject({
      IdentityType: "DOMAIN",
      VerifiedForSendingStatus: true,
    });
    expect(await outcome(get(client, "example.org"))).toMatchObject({ name: "NotFoundException", status: 404 });
    await client.send(new ses.CreateEmailIdentityCommand({ EmailIdentity: "example.org" }));
    expect(await get(client, "example.org")).toMatchObject({
      VerifiedForSendingStatus: false,
      VerificationStatus: "PENDING",
    });
    expect(
      await outcome(client.send(new ses.CreateEmailIdentityCommand({ EmailIdentity: "example.org" }))),
    ).toMatchObject({
      name: "AlreadyExistsException",
    });
    expect(await outcome(send(client, mailTo("a@example.net", { FromEmailAddress: "x@example.org" })))).toMatchObject({
      name: "MessageRejected",
    });

    const listed = await client.send(new ses.ListEmailIdentitiesCommand({ PageSize: 1 }));
    expect(listed).toMatchObject({
      EmailIdentities: [{ IdentityName: "example.com", SendingEnabled: true }],
      NextToken: "1",
    });
    const asBotocore = await fetch(`${sandbox.url}/v2/email/identities?PageSize=1&NextToken=1`, {
      headers: { authorization: SIGNED },
    });
    expect(await asBotocore.json()).toEqual({
      EmailIdentities: [
        { IdentityName: "example.org", IdentityType: "DOMAIN", SendingEnabled: false, VerificationStatus: "PENDING" },
      ],
    });
    expect(await outcome(client.send(new ses.ListEmailIdentitiesCommand({ NextToken: "x" })))).toMatchObject({
      name: "InvalidNextTokenException",
    });
  });
});

test("configuration sets: read, created, listed, and each publishes every event to one SNS topic", async () => {
  const { client } = await endpoint({ configurationSets: [] });
  const destinationsOf = (name: string) =>
    client.send(new ses.GetConfigurationSetEventDestinationsCommand({ ConfigurationSetName: name }));
  expect(await outcome(destinationsOf("june"))).toMatchObject({ name: "NotFoundException" });
  await client.send(new ses.CreateConfigurationSetCommand({ ConfigurationSetName: "june" }));
  const { EventDestinations } = await destinationsOf("june");
  expect(EventDestinations).toMatchObject([
    { Enabled: true, SnsDestination: { TopicArn: "arn:aws:sns:us-east-1:123456789012:ses-events" } },
  ]);
  expect([...EventDestinations![0]!.MatchingEventTypes!].sort()).toEqual(Object.values(ses.EventType).sort());
  expect(await client.send(new ses.GetConfigurationSetCommand({ ConfigurationSetName: "june" }))).toMatchObject({
    SendingOptions: { SendingEnabled: true },
  });
  const { ConfigurationSets } = await client.send(new ses.ListConfigurationSetsCommand({}));
  expect(ConfigurationSets).toEqual(["default", "june"]);
});

test("the suppression list: put, get, list by reason and time, delete", async () => {
  const clock = new TestClock();
  const { client } = await endpoint({ clock });
  const put = (EmailAddress: string, Reason: ses.SuppressionListReason) =>
    client.send(new ses.PutSuppressedDestinationCommand({ EmailAddress, Reason }));
  const get = (EmailAddress: string) => client.send(new ses.GetSuppressedDestinationCommand({ EmailAddress }));
  const list = async (input: ses.ListSuppressedDestinationsCommandInput) => {
    const { SuppressedDestinationSummaries } = await client.send(new ses.ListSuppressedDestinationsCommand(input));
    return SuppressedDestinationSummaries?.map((entry) => entry.EmailAddress);
  };
  expect(await outcome(put("bounce@simulator.amazonses.com", "BOUNCE"))).toMatchObject({ name: "BadRequestException" });
  expect(await outcome(put("a@example.net", "DISLIKE" as "BOUNCE"))).toMatchObject({ name: "BadRequestException" });
  await put("a+1@example.net", "BOUNCE");
  clock.ms += 60_000;
  await put("b@example.net", "COMPLAINT");
  expect(await get("a+1@example.net")).toMatchObject({
    SuppressedDestination: { Reason: "BOUNCE", LastUpdateTime: new Date(clock.ms - 60_000) },
  });
  expect(await list({})).toEqual(["a+1@example.net", "b@example.net"]);
  expect(await list({ Reasons: ["COMPLAINT"] })).toEqual(["b@example.net"]);
  expect(await list({ Reasons: ["COMPLAINT", "BOUNCE"], EndDate: new Date(clock.ms - 1000) })).toEqual([
    "a+1@example.net",
  ]);
  expect(await list({ StartDate: new Date(clock.ms - 1000) })).toEqual(["b@example.net"]);
  await client.send(new ses.DeleteSuppressedDestinationCommand({ EmailAddress: "a+1@example.net" }));
  expect(await outcome(get("a+1@example.net"))).toMatchObject({ name: "NotFoundException", status: 404 });
});

test("templates: created once, read, rendered, deleted", async () => {
  const { client } = await endpoint();
  const create = () =>
    client.send(
      new ses.CreateEmailTemplateCommand({
        TemplateName: "t",
        TemplateContent: { Subject: "Hi {{x}}", Text: "{{x}}!" },
      }),
    );
  const get = () => client.send(new ses.GetEmailTemplateCommand({ TemplateName: "t" }));
  const render = (TemplateData: string) =>
    client.send(new ses.TestRenderEmailTemplateCommand({ TemplateName: "t", TemplateData }));
  expect(await outcome(get())).toMatchObject({ name: "NotFoundException" });
  await create();
  expect(await outcome(create())).toMatchObject({ name: "AlreadyExistsException" });
  expect((await get()).TemplateContent).toMatchObject({ Subject: "Hi {{x}}", Text: "{{x}}!" });
  expect((await render('{"x":"Ann"}')).RenderedTemplate).toBe("Subject: Hi Ann\r\n\r\nAnn!");
  expect((await outcome(render("{}"))).message).toBe("Attribute 'x' is not present in the rendering data.");
  await client.send(new ses.DeleteEmailTemplateCommand({ TemplateName: "t" }));
  expect(await outcome(get())).toMatchObject({ name: "NotFoundException" });
});

test("close() may be called twice and frees the port", async () => {
  const { sandbox, folder } = await endpoint();
  await Promise.all([sandbox.close(), sandbox.close()]);
  const again = await startSandbox({ ...OPTIONS, port: sandbox.port, outbox: join(folder, "deep", "outbox") });
  expect(again.url).toBe(`http://127.0.0.1:${sandbox.port}`);
  await again.close();
});
