// oxlint-disable vitest/valid-expect -- vitest takes a message as second argument
/** `trace`: all that is known of a mail or a person, in order, and where each fact comes from. */
import { join } from "node:path";
import { expect, it } from "vitest";
import { historyOf } from "../../src/report/history.ts";
import { NO_RESULT } from "../../src/store/rules/handed.ts";
import type { MessageHistory, MessageRecord } from "../../src/store/rows.ts";
import { systemClock } from "../../src/time/clock.ts";
import { writeCampaign } from "../support/campaign.ts";
import { openJob } from "../support/job.ts";
import { type Json, run, workFolder } from "../support/run.ts";
import { sesServer } from "../support/ses-server.ts";
import { accept, message } from "../store/bench.ts";

/** Three got a newsletter; SES told of it; p2 was posted a code for later. */
async function sentCampaign(): Promise<string> {
  const folder = await workFolder();
  const events = join(folder, "events.ndjson");
  const server = await sesServer(folder, { events });
  await run(folder, ["send", await writeCampaign(folder, 3), "--rate", "100"], { env: server.env });
  await server.sandbox.close();
  await run(folder, ["ingest-events", "events.ndjson"]);
  const store = await openJob(join(folder, "ses-mail.db"), systemClock);
  const notBefore = Date.UTC(2040, 0, 1);
  await accept(store, [message(["p2@example.net"], { topic: "codes", uuid: "code-1", notBefore })]);
  await store.suppress([{ address: "p3@example.net", reason: "manual", source: "manual", detail: "asked\u001b[31m" }]);
  await store.close();
  return folder;
}

it("tells of a person, newest first, each fact with its time and its source", async () => {
  const folder = await sentCampaign();
  const { code, stdout } = await run(folder, ["trace", "P2@Example.net"]);
  expect(code).toBe(0);
  const at = "\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z";
  const lines = stdout.trimEnd().split("\n");
  const expected = [
    "codes  pending  p2@example\\.net  message \\d+",
    `  ${at}  posted as code-1  \\[a request\\]`,
    `  ${at}  scheduled for 2040-01-01T00:00:00\\.000Z  \\[a request\\]`,
    "  \\(time not known\\)  waits to be sent  \\[the job\\]",
    "",
    "june  sent  p2@example\\.net  message \\d+",
    `  ${at}  added from june\\.csv  \\[a list\\]`,
    `  ${at}  SES took it in as \\S+  \\[the answer to our call\\]`,
    `  ${at}  SES accepted it  \\[an event of SES\\]`,
    `  ${at}  delivered after \\S+ \\w+  \\[an event of SES\\]`,
    "",
    "P2@example\\.net is not suppressed",
  ];
  expect(lines).toEqual(expected.map((line) => expect.stringMatching(new RegExp(`^${line}$`))));
  const times = lines.map((line) => line.slice(2, 26)).filter((text) => text.endsWith("Z"));
  expect(times.slice(2)).toEqual(times.slice(2).toSorted());
});

it("finds a mail by its uuid, its id and its SES message id, also as headers have it", async () => {
  const folder = await sentCampaign();
  const { json } = await run(folder, ["trace", "p1@example.net", "--json"]);
  const [found] = json.messages as Json[];
  expect(found).toMatchObject({ topic: "june", state: "sent", email: "p1@example.net", expires_at: null });
  expect(found.history.map(({ what, source }: Json) => `${what} ${source}`)).toEqual([
    "added list",
    "sent answer",
    "accepted event",
    "delivered event",
  ]);
  expect(json.suppressions).toEqual([]);
  const ses: string = found.ses_message_id;
  for (const what of [String(found.id), ses, `<${ses}@email.amazonses.com>`, ` ${ses}@eu-west-1.amazonses.com`]) {
    const again = await run(folder, ["trace", what, "--json"]);
    expect(again.json.messages, what).toEqual([found]);
  }
  const coded = await run(folder, ["trace", "code-1", "--json"]);
  expect(coded.json.messages.map(({ email, uuid }: Json) => [email, uuid])).toEqual([["p2@example.net", "code-1"]]);
});

it("finds a mail by the id of its Redis job, and by that of the row it was adopted from", async () => {
  const folder = await sentCampaign();
  const store = await openJob(join(folder, "ses-mail.db"), systemClock);
  const later = (email: string, uuid: string) =>
    message([email], { topic: "codes", uuid, notBefore: Date.UTC(2040, 0, 1) });
  await accept(store, [
    { ...later("job@example.net", "redis:email:send:j:2"), reports: { via: "redis", name: "j:2" } },
    later("rust@example.net", "adopt:rust:917:3f2a9c81d0b4"),
    later("go@example.net", "adopt:go:917:3f2a9c81d0b4"),
    later("other@example.net", "adopt:go:9170:3f2a9c81d0b4"),
    later("gateway@example.net", "adopt:gateway:0d1f7c3a-1b7e-4c0e-9a53-0a4c8f0f6f11"),
  ]);
  await store.close();
  const found = async (what: string) =>
    (await run(folder, ["trace", what, "--json"])).json.messages.map(({ email }: Json) => email).toSorted();
  expect(await found("j:2")).toEqual(["job@example.net"]);
  expect(await found("917")).toEqual(["go@example.net", "rust@example.net"]);
  expect(await found("0d1f7c3a-1b7e-4c0e-9a53-0a4c8f0f6f11")).toEqual(["gateway@example.net"]);
});

it("a uuid that looks like an id finds both", async () => {
  const folder = await sentCampaign();
  const store = await openJob(join(folder, "ses-mail.db"), systemClock);
  await accept(store, [message(["other@example.net"], { topic: "codes", uuid: "1", notBefore: Date.UTC(2040, 0, 1) })]);
  const first = await store.message(1);
  await store.close();
  const { json } = await run(folder, ["trace", "1", "--json"]);
  expect(json.messages.map(({ email }: Json) => email)).toEqual(["other@example.net", first?.email]);
});

it("tells why an address is suppressed, in print that no terminal obeys", async () => {
  const folder = await sentCampaign();
  const { stdout } = await run(folder, ["trace", "p3@example.net"]);
  expect(stdout).toMatch(/the address is suppressed: manual \(manual\): asked/);
  expect(stdout).toMatch(/\np3@example\.net is suppressed for everything: manual \(manual\), since \S+: asked/);
  expect(stdout).not.toContain("\u001b");
});

it("what others wrote stays in its line", async () => {
  const folder = await workFolder();
  const store = await openJob(join(folder, "ses-mail.db"), systemClock);
  const past = { state: "failed", error: "\u001b[31mboom\r\nX: y" } as const;
  await accept(store, [message(["ann@example.net"], { uuid: "u-1", past })]);
  await store.close();
  const { stdout } = await run(folder, ["trace", "ann@example.net"]);
  expect(stdout).toContain("failed after 1 attempt: \\x1b[31mboom\\r\\nX: y  [");
  expect(stdout).not.toMatch(/^X: y/m);
});

it("knows nothing: exit 1, as grep has it; nothing asked, or no job: exit 2", async () => {
  const folder = await sentCampaign();
  for (const what of ["nobody@example.net", "999999", "no-such-uuid", "0100-none"]) {
    const { code, json, stderr } = await run(folder, ["trace", what, "--json"]);
    expect({ what, code, json }).toEqual({ what, code: 1, json: { messages: [], suppressions: [] } });
    expect(stderr).toContain(`Nothing is known of "${what}"`);
  }
  const { stderr } = await run(folder, ["trace", "x".repeat(100_000)]);
  expect(stderr).toContain(`Nothing is known of "${"x".repeat(100)}…"`);
  expect((await run(folder, ["trace", " "])).code).toBe(2);
  expect((await run(await workFolder(), ["trace", "ann@example.net"])).code).toBe(2);
});

it("tells of the newest hundred, and that there are more", async () => {
  const folder = await workFolder();
  await run(folder, ["import", await writeCampaign(folder, 1)]);
  const store = await openJob(join(folder, "ses-mail.db"), systemClock);
  for (let n = 0; n < 101; n++) await accept(store, [message(["p1@example.net"], { topic: null, uuid: `u-${n}` })]);
  await store.close();
  const { json, stderr } = await run(folder, ["trace", "p1@example.net", "--json"]);
  expect(json.messages).toHaveLength(100);
  expect(json.messages[0].uuid).toBe("u-100");
  expect(stderr).toContain("newest 100");
});

const RECORD: MessageRecord = {
  id: 1,
  uuid: null,
  topic: "june",
  email: "ann@example.net",
  state: "sent",
  attempts: 1,
  error: null,
  sesMessageId: "0100",
  createdAt: 1_000,
  notBefore: null,
  expiresAt: null,
  sentAt: 5_000,
  deliveredAt: null,
  bouncedAt: null,
  bounceType: null,
  bounceSubtype: null,
  complainedAt: null,
  openedAt: null,
  readerOpenedAt: null,
  clickedAt: null,
  unsubscribedAt: null,
};
const HISTORY: MessageHistory = {
  list: null,
  via: null,
  endpoint: "ses",
  cancelledAt: null,
  expiresAt: null,
  handedAt: null,
  feedback: null,
  events: [],
  kept: [],
};
const NOBODY = { opens: 0, machineOpens: 0, unsubscribedAt: null, readerOpenedAt: null };
const FEEDBACK = { mailedAt: null, bouncedAt: null, softBouncedAt: null, ...NOBODY };
const EVENT = { machine: false, detail: null, times: 1, isVisit: false };

it.each<[string, Partial<MessageRecord>, Partial<MessageHistory>, string[]]>([
  ["an attempt that was needed", { attempts: 3 }, {}, ["1000 posted", "5000 SES took it in as 0100, attempt 3"]],
  [
    "a bounce with its kind, and a later one of which the kind is not kept",
    { bouncedAt: 6_000, bounceType: "Permanent", bounceSubtype: "General" },
    {
      feedback: { ...FEEDBACK, mailedAt: 4_000, bouncedAt: 6_000 },
      events: [
        { ...EVENT, type: "bounce", at: 6_000, detail: "550 no" },
        { ...EVENT, type: "bounce", at: 7_000 },
      ],
    },
    ["1000 posted", "4000 SES took it in as 0100", "6000 hard bounce, Permanent/General: 550 no", "7000 bounce"],
  ],
  [
    "visits, and who made them",
    { openedAt: 5_500 },
    {
      feedback: { ...FEEDBACK, opens: 2, machineOpens: 1, readerOpenedAt: 6_000, unsubscribedAt: 8_000 },
      events: [{ ...EVENT, type: "click", at: 7_000, detail: "https://x/", times: 3, isVisit: true }],
    },
    [
      "1000 posted",
      "5000 SES took it in as 0100",
      "5500 opened by a program",
      "6000 opened by the reader, 2 times in all",
      "7000 clicked by the reader, 3 times since: https://x/",
      "8000 unsubscribed",
    ],
  ],
  [
    "an open that SES told of first: when our picture was first loaded is not known",
    { openedAt: 6_000 },
    {
      feedback: { ...FEEDBACK, opens: 1, readerOpenedAt: 6_000 },
      events: [{ ...EVENT, type: "open", at: 6_000 }],
    },
    ["1000 posted", "5000 SES took it in as 0100", "6000 opened by the reader", "null opened by the reader"],
  ],
  [
    "a mail that was handed over, and of which nobody has said anything",
    { state: "sending", sentAt: null, sesMessageId: null },
    { handedAt: 4_000 },
    ["1000 posted", "4000 handed over to a broker, and nobody has said yet what became of it"],
  ],
  [
    "a mail of which only a link tells that it was sent",
    { sesMessageId: null },
    { feedback: FEEDBACK },
    ["1000 posted", "5000 was sent, because a link of it was followed"],
  ],
  [
    "a mail of which only a result tells that it was sent",
    { sesMessageId: null },
    {},
    ["1000 posted", "5000 was sent, as whoever took it from the broker said"],
  ],
  [
    "what SES accepted before what it delivered, also in one instant",
    {},
    {
      feedback: { ...FEEDBACK, mailedAt: 4_000 },
      events: [
        { ...EVENT, type: "delivery", at: 4_000 },
        { ...EVENT, type: "send", at: 4_000 },
      ],
    },
    ["1000 posted", "4000 SES took it in as 0100", "4000 SES accepted it", "4000 delivered after 0 s"],
  ],
  [
    "an expiry",
    { state: "cancelled", error: "expired", sentAt: null, sesMessageId: null },
    { expiresAt: 9_000 },
    ["1000 posted", "1000 not to be sent after 1970-01-01T00:00:09.000Z", "9000 expired before it could be sent"],
  ],
  [
    "a failure, without a time, because none is kept",
    { state: "failed", error: "refused", sentAt: null, sesMessageId: null, attempts: 2 },
    {},
    ["1000 posted", "null failed after 2 attempts: refused"],
  ],
  [
    "an event that is kept",
    {},
    { kept: [{ type: "delivery_delay", at: null, receivedAt: 9_000 }] },
    ["1000 posted", "5000 SES took it in as 0100", "9000 an event (delivery delay) is kept and waits for its message"],
  ],
])("the history has %s", (_name, record, history, expected) => {
  const lines = historyOf({
    message: { ...RECORD, ...record },
    history: { ...HISTORY, ...history },
    suppressions: [],
  });
  expect(lines.map(({ at, text }) => `${at} ${text}`)).toEqual(expected);
});

const SENT = "5000 SES took it in as 0100 [answer]";

it.each<[string, Partial<MessageRecord>, Partial<MessageHistory>, string[]]>([
  [
    "a mail that was handed over under a name",
    { state: "sending", sentAt: null, sesMessageId: null },
    { handedAt: 4_000, events: [{ ...EVENT, type: "handover", at: 4_000, detail: "u-1" }] },
    ["1000 posted [request]", "4000 handed over to NATS as u-1, and nobody has said yet what became of it [store]"],
  ],
  [
    "a mail that others sent, as they said themselves, after they could not at first",
    {},
    {
      events: [
        { ...EVENT, type: "handover", at: 2_000, detail: "u-1" },
        { ...EVENT, type: "result", at: 3_000, detail: "failed" },
        { ...EVENT, type: "result", at: 5_000, detail: "sent" },
      ],
    },
    [
      "1000 posted [request]",
      "2000 handed over to NATS as u-1 [store]",
      "3000 whoever took it from NATS said: failed [result]",
      "5000 was sent as 0100, as whoever took it from NATS said [result]",
    ],
  ],
  [
    "a mail that was handed over, and of which an event of SES tells that it was sent",
    {},
    {
      feedback: { ...FEEDBACK, mailedAt: 5_000 },
      events: [{ ...EVENT, type: "handover", at: 2_000, detail: "u-1" }],
    },
    ["1000 posted [request]", "2000 handed over to NATS as u-1 [store]", "5000 SES took it in as 0100 [event]"],
  ],
  [
    "a mail that others could not send",
    { state: "failed", error: "boom", sentAt: null, sesMessageId: null },
    {
      events: [
        { ...EVENT, type: "handover", at: 2_000, detail: "u-1" },
        { ...EVENT, type: "result", at: 3_000, detail: "failed" },
      ],
    },
    ["1000 posted [request]", "2000 handed over to NATS as u-1 [store]", "3000 failed after 1 attempt: boom [result]"],
  ],
  [
    "a mail that nobody said anything of in time",
    { state: "in_doubt", error: NO_RESULT, sentAt: null, sesMessageId: null },
    { events: [{ ...EVENT, type: "handover", at: 2_000, detail: "u-1" }] },
    [
      "1000 posted [request]",
      "2000 handed over to NATS as u-1 [store]",
      `null may have been sent, nobody knows: ${NO_RESULT} [store]`,
    ],
  ],
  [
    "a mail that was refused here, before any call",
    { state: "failed", error: "no files", sentAt: null, sesMessageId: null },
    { events: [{ ...EVENT, type: "refusal", at: 2_000, detail: "no files" }] },
    ["1000 posted [request]", "2000 failed after 1 attempt: no files [store]"],
  ],
  [
    "a mail that SES refused after it had been refused here",
    { state: "failed", error: "SES says no", sentAt: null, sesMessageId: null },
    { events: [{ ...EVENT, type: "refusal", at: 2_000, detail: "no files" }] },
    ["1000 posted [request]", "null failed after 1 attempt: SES says no [answer]"],
  ],
  ["who brought it: NATS", { uuid: "u" }, { via: "nats" }, ["1000 brought by NATS as u [broker]", SENT]],
  ["who brought it: Redis", {}, { via: "redis" }, ["1000 brought by Redis [broker]", SENT]],
  [
    "what another program sent before it was adopted",
    { sentAt: 500 },
    { via: "adopt" },
    ["500 was sent as 0100, as the other program noted [program]", "1000 adopted from another program [program]"],
  ],
])("the history says where each fact is from: %s", (_name, record, history, expected) => {
  const lines = historyOf({
    message: { ...RECORD, ...record },
    history: { ...HISTORY, ...history },
    suppressions: [],
  });
  expect(lines.map(({ at, text, source }) => `${at} ${text} [${source}]`)).toEqual(expected);
});
