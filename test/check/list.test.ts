import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { ListCheck, listFindings } from "../../src/check/list.ts";
import { openRecipients } from "../../src/compose/list/recipients.ts";
import { compileContent } from "../../src/compose/mail/template.ts";
import { UserError } from "../../src/errors.ts";
import type { Content } from "../../src/message.ts";
import { CONTENT } from "../support/store-actions.ts";
import { only, troubles } from "./troubles.ts";

const NOTHING = { added: 0, known: 0, repeated: 0, suppressed: 0 };

async function take(csv: string, content: Partial<Content> = {}, verified: string[] | null = null) {
  const recipients = await openRecipients(Readable.from([Buffer.from(csv)]), { name: "june.csv" });
  const list = new ListCheck(compileContent({ ...CONTENT, ...content }), recipients, verified);
  const addresses: (string | null)[] = [];
  for await (const rows of recipients.batches()) addresses.push(...rows.map((row) => list.take(row)));
  return { list, addresses, findings: listFindings(list, NOTHING) };
}

test("rows that would be refused: no address, too many fields, an empty variable, a value that breaks a header", async () => {
  const csv = "email,name\nnobody,Ann\na@example.net,B,C\nb@example.net,\nc@example.net,Cy\n";
  const { list, addresses, findings } = await take(csv, { subject: "Hi {{ name }}" });
  expect(addresses).toEqual([null, null, null, "c@example.net"]);
  expect([list.rows, list.rejects.count]).toEqual([4, 3]);
  expect(troubles(findings)).toEqual(["error recipients.rejected"]);
  expect(only(findings, "recipients.rejected").message).toMatch(
    /^3 rows would be refused: line 2: .*no @, line 3: expected 2 fields, got 3, line 4: .*name/,
  );
});

test("a variable that is no column can never be filled", async () => {
  await expect(take("email\na@example.net\n", { html: "{{ nmae }}" })).rejects.toThrow(UserError);
});

test("no good row leaves no sample", async () => {
  const { list } = await take("email\nnobody\n");
  expect(list.sample).toBeNull();
});

test("placeholders that came with the list, wherever they show", async () => {
  const csv =
    'email,name\na@example.net,{{ first_name }}\nb@example.net,*|FNAME|*\nc@example.net,"{% if x %}"\nd@example.net,Dee\n';
  for (const part of [{ subject: "Hi {{ name }}" }, { html: "<p>{{ name }}</p>" }, { text: "Hi {{ name }}" }]) {
    const { list, findings } = await take(csv, part);
    expect(troubles(findings)).toEqual(["error recipients.placeholders"]);
    expect(list.placeholders.count).toBe(3);
  }
  const { findings } = await take(csv, { headers: [{ name: "X-Name", value: "{{ name }}" }] });
  expect(only(findings, "recipients.placeholders").message).toContain('line 2: "{{ first_name }}"');
});

test("a value with a lone brace or percent is no placeholder", async () => {
  const { findings } = await take("email,name\na@example.net,{a} 5% *\n", { text: "Hi {{ name }}" });
  expect(troubles(findings)).toEqual([]);
});

test("the braces of CSS are no placeholder", async () => {
  const html = "<style>@media print{.a{width:100%}}@keyframes x{0%{top:0%}100%{top:9%}}</style><p>{{ name }}</p>";
  const { findings } = await take("email,name\na@example.net,Ann\n", { html });
  expect(troubles(findings)).toEqual([]);
});

test("typos and functions are counted, three shown", async () => {
  const csv = "email\na@gamil.com\nb@naver.con\nc@hanmail.ne\nd@gmial.com\ninfo@example.net\nann@gmail.com\n";
  const { findings } = await take(csv);
  expect(troubles(findings)).toEqual(["warning recipients.typos", "warning recipients.roles"]);
  expect(only(findings, "recipients.typos").message).toBe(
    "4 likely typos in the domain: a@gamil.com (gmail.com?), b@naver.con (naver.com?), c@hanmail.ne (hanmail.net?) and 1 more",
  );
  expect(only(findings, "recipients.roles").message).toBe(
    "1 address of a function instead of a person: info@example.net",
  );
});

test("the SES sandbox takes verified addresses, addresses of verified domains, and the simulator", async () => {
  const csv =
    "email\na@example.net\nb@sub.example.org\nAnn@example.com\nann@example.com\nbounce@simulator.amazonses.com\n";
  const { list, findings } = await take(csv, {}, ["example.org", "ann@example.com"]);
  expect(list.unverified.text).toBe("a@example.net, Ann@example.com");
  expect(troubles(findings)).toEqual(["error recipients.unverified"]);
  expect(troubles((await take(csv)).findings)).toEqual([]);
  expect((await take(csv, {}, [])).list.unverified.count).toBe(4);
});

test("the first good row is the sample, with the largest HTML and the longest subject of all", async () => {
  const csv = `email,name\nnobody,Zed\na@example.net,Ann\nb@example.net,${"ü".repeat(500)}\nc@example.net,Cy\n`;
  const { list } = await take(csv, { subject: "Hi {{ name }}", html: "<p>{{ name }}</p>" });
  expect(list.sample?.mail.to).toBe("a@example.net");
  expect(list.sample?.htmlBytes).toBe(1007);
  expect(list.sample?.subject).toBe(`Hi ${"ü".repeat(500)}`);
});

test("duplicates and suppressed addresses are told", async () => {
  const { list } = await take("email\na@example.net\n");
  expect(troubles(listFindings(list, { added: 1, known: 1, repeated: 2, suppressed: 1 }))).toEqual([
    "info recipients.duplicates",
    "info recipients.suppressed",
  ]);
  const texts = (known: number, repeated: number) =>
    listFindings(list, { added: 1, known, repeated, suppressed: 0 })
      .filter(({ check }) => check === "recipients.duplicates")
      .map(({ message }) => message);
  expect(texts(3, 0)).toEqual(["3 in the topic already: nobody is written to twice"]);
  expect(texts(3, 1)).toEqual(["3 in the topic already, 1 duplicate: nobody is written to twice"]);
});
