/** An SES that nobody here wrote (aws-ses-v2-local) receives a campaign: what it has is compared mail by mail. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { writeCampaign } from "../support/campaign.ts";
import { type Json, run, until, workFolder } from "../support/run.ts";

async function foreignSes(account: string): Promise<string> {
  const cli = createRequire(import.meta.url).resolve("aws-ses-v2-local/dist/cli.js");
  const args = [cli, "--host", "127.0.0.1", "--port", "0"];
  const child = spawn(process.execPath, args, { env: { PATH: process.env["PATH"], AWS_SES_ACCOUNT: account } });
  onTestFinished(() => void child.kill("SIGKILL"));
  return new Promise((resolve, reject) => {
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      const port = /server running at \S*:(\d+)/.exec(output)?.[1];
      if (port !== undefined) resolve(`http://127.0.0.1:${port}`);
    });
    child.on("exit", (code) => reject(new Error(`aws-ses-v2-local ended with ${code}: ${output}`)));
  });
}

const ACCOUNT = {
  DedicatedIpAutoWarmupEnabled: false,
  Details: {
    AdditionalContactEmailAddresses: [],
    ContactLanguage: "EN",
    MailType: "MARKETING",
    ReviewDetails: { CaseId: "1", Status: "GRANTED" },
    UseCaseDescription: "",
    WebsiteURL: "https://example.com",
  },
  EnforcementStatus: "HEALTHY",
  ProductionAccessEnabled: true,
  SendingEnabled: true,
  SendQuota: { Max24HourSend: 1000, MaxSendRate: 40, SentLast24Hours: 0 },
  SuppressionAttributes: { SuppressedReasons: [] },
};

const HTML = `---
subject: "{{ name }}, your {{ plan | default: 'free' }} plan"
from: "Nachrichten für alle <news@example.com>"
reply_to: ["help@example.com", "Büro <office@example.com>"]
headers:
  X-Campaign: "june-{{ id }}"
unsubscribe_url: "https://example.com/u?e={{ email }}"
attachments: [terms.txt]
---
<style>p { color: #123456 }</style>
<p>Dear {{ name }}, <a href="https://example.com/?id={{ id }}">here</a></p>
`;

const PEOPLE = [
  { email: "ann@example.net", name: "Ann", plan: "gold", id: "1" },
  { email: "Bo.Lee@example.org", name: 'Bo & "Co" <b>', plan: "", id: "2" },
  { email: "hong@xn--bcher-kva.example", name: "홍길동", plan: "프로", id: "3" },
  ...Array.from({ length: 60 }, (_, index) => ({
    email: `p${index}@example.net`,
    name: `Person ${index}`,
    plan: "basic",
    id: String(100 + index),
  })),
];

it("a campaign arrives mail by mail as it was written, at a rate read from the account", async () => {
  const folder = await workFolder();
  const cell = (text: string) => `"${text.replaceAll('"', '""')}"`;
  const rows = PEOPLE.map((person) => [person.email, person.name, person.plan, person.id].map(cell).join(","));
  await writeFile(join(folder, "june.csv"), `email,name,plan,id\n${rows.join("\n")}\n`);
  await writeFile(join(folder, "june.html"), HTML);
  await writeFile(join(folder, "terms.txt"), "The terms.\n");
  const url = await foreignSes(JSON.stringify(ACCOUNT));

  const result = await run(folder, ["send", "june.csv", "--json"], { env: { AWS_ENDPOINT_URL_SESV2: url } });
  expect(result.code, `${result.stdout}\n${result.stderr}`).toBe(0);
  expect(result.stderr).not.toContain("could not be read");
  expect(result.json.totals).toMatchObject({ total: PEOPLE.length, sent: PEOPLE.length });

  const { emails } = (await (await fetch(`${url}/store`)).json()) as { emails: Json[] };
  expect(emails).toHaveLength(PEOPLE.length);
  const exported: Json[] = (await run(folder, ["export", "june", "--json"])).json.messages;
  for (const person of PEOPLE) {
    const mail = emails.find((each) => each.destination.to[0] === person.email);
    const escaped = person.name
      .replaceAll("&", "&amp;")
      .replaceAll("<", "&lt;")
      .replaceAll(">", "&gt;")
      .replaceAll('"', "&#34;");
    expect(mail, `the mail to ${person.email}`).toMatchObject({
      from: "=?UTF-8?B?TmFjaHJpY2h0ZW4gZsO8ciBhbGxl?= <news@example.com>",
      replyTo: ["help@example.com", "=?UTF-8?B?QsO8cm8=?= <office@example.com>"],
      destination: { to: [person.email], cc: [], bcc: [] },
      subject: `${person.name}, your ${person.plan || "free"} plan`,
    });
    expect(mail.body.html).toContain(`Dear ${escaped}, <a href="https://example.com/?id=${person.id}">here</a>`);
    expect(mail.body.html).toContain("color: #123456");
    expect(mail.body.text).toContain(`Dear ${person.name}, here`);
    expect(mail.body.text).toContain(`https://example.com/?id=${person.id}`);
    expect(mail.headers).toEqual(
      expect.arrayContaining([
        { name: "X-Campaign", value: `june-${person.id}` },
        { name: "List-Unsubscribe", value: `<https://example.com/u?e=${encodeURIComponent(person.email)}>` },
        { name: "List-Unsubscribe-Post", value: "List-Unsubscribe=One-Click" },
      ]),
    );
    expect(mail.attachments).toMatchObject([
      { filename: "terms.txt", content: Buffer.from("The terms.\n").toString("base64"), size: 11 },
    ]);
    // The id we keep is the one the receiver gave.
    expect(exported.find((row) => row.email === person.email)?.ses_message_id).toBe(mail.messageId);
  }
});

it("errors of an SES that names them differently stop the run instead of burning through the list", async () => {
  const folder = await workFolder();
  await writeFile(join(folder, "june.html"), HTML.replace("attachments: [terms.txt]\n", ""));
  const rows = PEOPLE.map((person) => `${person.email},Ann,x,${person.id}`);
  await writeFile(join(folder, "june.csv"), `email,name,plan,id\n${rows.join("\n")}\n`);
  const url = await foreignSes("");
  // A path this SES does not know: everything is refused in a way SES would not.
  const env = { AWS_ENDPOINT_URL_SESV2: `${url}/elsewhere` };
  const result = await run(folder, ["send", "june.csv", "--rate", "100", "--json"], { env });
  expect(result.code).toBe(3);
  expect(result.json).toMatchObject({ outcome: "halted", totals: { sent: 0, failed: 0, pending: PEOPLE.length } });
  expect(result.stderr).toContain("the answer (HTTP 404) is not one of SES; check the endpoint");
  expect(((await (await fetch(`${url}/store`)).json()) as { emails: unknown[] }).emails).toEqual([]);
});

it.each([1, 3])(
  "a wrong path costs a list of %i no attempt, and the right one sends it",
  async (people) => {
    const folder = await workFolder();
    const rows = PEOPLE.slice(-people).map(({ email, name }, index) => `${email},${name},basic,${index}`);
    await writeFile(join(folder, "june.csv"), `email,name,plan,id\n${rows.join("\n")}\n`);
    await writeFile(join(folder, "june.html"), HTML);
    await writeFile(join(folder, "terms.txt"), "The terms.\n");
    const url = await foreignSes(JSON.stringify(ACCOUNT));
    const send = (endpoint: string) =>
      run(folder, ["send", "june.csv", "--json"], { env: { AWS_ENDPOINT_URL_SESV2: endpoint } });
    const wrong = await send(`${url}/elsewhere`);
    expect([wrong.code, wrong.json]).toMatchObject([3, { outcome: "halted", totals: { failed: 0, pending: people } }]);
    expect(wrong.stderr).toContain("3 calls in a row were refused: the answer (HTTP 404) is not one of SES");
    const state = (await run(folder, ["export", "june", "--json"])).json.messages.map((each: Json) => each.attempts);
    expect(state).toEqual(Array.from({ length: people }, () => 0));
    // What was put back is due in some seconds.
    await until(async () => {
      await send(url);
      return (await run(folder, ["stats", "june", "--json"])).json.sent === people;
    }, "everybody got the mail");
  },
  60_000,
);

/** An SES that refuses every mail with an error that nobody knows. */
async function teapot(): Promise<string> {
  const server = createServer((request, response) => {
    request.resume().on("end", () => {
      const isAccount = request.method === "GET";
      response.writeHead(isAccount ? 200 : 418, { "content-type": "application/json", "x-amzn-errortype": "Teapot" });
      response.end(JSON.stringify(isAccount ? { SendQuota: { MaxSendRate: 100 } } : { message: "short and stout" }));
    });
  });
  onTestFinished(() => void server.close());
  await once(server.listen(0, "127.0.0.1"), "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

it.each([
  [9, 1, "finished", null],
  [10, 1, "finished", expect.stringContaining("SES refused 10 messages in a row")],
  [11, 3, "halted", expect.stringContaining("run the same command again")],
])("%i people, all refused for an unknown reason: exit code %i", async (people, code, outcome, reason) => {
  const folder = await workFolder();
  await writeCampaign(folder, people);
  const env = { AWS_ENDPOINT_URL_SESV2: await teapot() };
  const result = await run(folder, ["send", "june.csv", "--json", "--concurrency", "1"], { env });
  expect([result.code, result.json]).toMatchObject([code, { outcome, reason }]);
  const failed = Math.min(people, 10);
  expect(result.json.totals).toMatchObject({ failed, pending: people - failed });
  expect(result.stderr.includes("SES refused 10 messages in a row: ")).toBe(people >= 10);
  // Where nothing remains, nobody is told to resume.
  expect(/to resume|remain/.test(result.stderr)).toBe(code === 3);
});
