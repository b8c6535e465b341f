/** Rows with nothing unusual in them take a short way. What becomes of a list must be the same without it. */
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import iconv from "iconv-lite";
import { expect, test } from "vitest";
import { compileContent } from "../../src/compose/mail/template.ts";
import { UserError } from "../../src/errors.ts";
import type { Content } from "../../src/message.ts";
import { AT_ONCE, stageRecipients, type Timing } from "../../src/work/list.ts";
import type { Store } from "../../src/store/store.ts";
import { prepareSqlite, rows } from "../store/sqlite/bench.ts";
import { fakeIo } from "../support/fake-io.ts";
import fc from "../support/properties.ts";

const CONTENT: Content = {
  from: "News <news@example.com>",
  replyTo: [],
  subject: "For {{ name }} in {{ city }}",
  html: "<p>Dear {{ name }}</p>",
  text: "Dear {{ name }}",
  headers: [],
  tags: [],
  attachments: [],
  configurationSet: null,
  unsubscribeUrl: null,
  unsubscribeMailto: null,
  allowEmpty: false,
};

const CONTENTS: Partial<Content>[] = [
  {},
  { subject: "Hello" },
  { subject: "{{ name }}" },
  { subject: "{{ name }}", allowEmpty: true },
  { subject: 'For {{ name | default: "a friend" }}' },
  { subject: "{{ name | upcase }}{{ email }}" },
  { headers: [{ name: "X-City", value: "{{ city }}" }] },
  { from: "{{ name }} <news@example.com>", subject: "{{ city }}" },
  { unsubscribeUrl: "https://example.com/{{ name }}" },
  { html: "{% if city == 'a' %}{{ name }}{% endif %}" },
];

/** Half of the rows of some lists are in a zone of their own. */
const IN_ZONES: Timing = {
  zoneColumn: "city",
  instantOf: (zone) => (zone.includes("é") ? { problem: `no such zone: ${zone}` } : { at: zone.length * 1_000 }),
};

// prettier-ignore
const ODD = [
  " ", "\t", ";", ",", "|", "'", "=", "+", "\\", '"', '""', "\n", "\r", "\r\n", "\u00a0", "\ufeff", "\0", "\u0001", "\u000b", "\u001f",
  "\u007f", "\u0085", "\u2028", "\u2029", "\ufffd", "\ud83d", "\udc00", "😀",
];
const USUAL = ["a", "b", "é", "김", "Anna", "x y", "-", "."];

const usual = fc.string({ unit: fc.constantFrom(...USUAL), maxLength: 4 });
const odd = fc.string({ unit: fc.constantFrom(...USUAL, ...ODD), maxLength: 6 });
/** The least that is unusual: one character. */
const spoilt = fc.tuple(usual, fc.constantFrom(...ODD), usual).map((parts) => parts.join(""));
const quoted = odd.map((text) => `"${text.replaceAll('"', '""')}"`);
const brokenQuotes = fc.tuple(odd, odd).map(([before, after]) => `"${before}"${after}`);
const cell = fc.oneof({ weight: 12, arbitrary: usual }, { weight: 2, arbitrary: spoilt }, quoted, odd, brokenQuotes);
const address = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: 0, max: 400 }).map((n) => `anna.${n}@example.com`) },
  fc.constantFrom(
    "Anna@EXAMPLE.com",
    "김@b.co",
    "a@김.kr",
    " a@b.co ",
    '"a"@b.co',
    "a b@c.co",
    "a@b",
    "",
    "@",
    "<a@b.co>",
  ),
  odd,
);
const cells = fc.oneof(
  { weight: 20, arbitrary: fc.tuple(address, cell, cell) },
  fc.array(cell, { maxLength: 5 }),
  fc.tuple(address, cell, cell, odd),
);

const list = fc.record({
  header: fc.constantFrom(
    ["email", "name", "city"],
    ["EMail", '"name"', " city "],
    ["email", "name", "city", ""],
    ["line", "reason", "email", "name", "city"],
    ["email", "reason", "source", "created_at", "detail", "name", "city"],
  ),
  rows: fc.array(cells, { minLength: 30, maxLength: 100 }),
  delimiter: fc.constantFrom(",", ",", ";", "\t", "|"),
  isTold: fc.boolean(),
  lineEnd: fc.constantFrom("\n", "\n", "\r\n", "\r"),
  encoding: fc.constantFrom("utf8", "utf8", "bom", "utf16", "utf-16le", "windows-1252"),
  chunk: fc.constantFrom(7, 1_000, 65_536, 65_536),
  content: fc.constantFrom(...CONTENTS),
  timing: fc.constantFrom(AT_ONCE, AT_ONCE, IN_ZONES),
});

type List = typeof list extends fc.Arbitrary<infer T> ? T : never;

function bytesOf({ header, rows, delimiter, isTold, lineEnd, encoding }: List): Buffer {
  const before = header
    .slice(
      0,
      Math.max(
        0,
        header.findIndex((name) => name === "email"),
      ),
    )
    .map(() => "1");
  const lines = [header, ...rows.map((row) => [...before, ...row])].map((line) => line.join(delimiter));
  const text = [...(isTold ? [`sep=${delimiter}`] : []), ...lines].join(lineEnd);
  if (encoding === "bom") return Buffer.from(`\ufeff${text}`);
  if (encoding === "utf16") return Buffer.from(`\ufeff${text.toWellFormed()}`, "utf16le");
  return encoding === "utf8" ? Buffer.from(text) : iconv.encode(text, encoding);
}

test("every list becomes the same messages, recipients and rejects without the short way", async () => {
  const bench = await prepareSqlite();
  const store = await bench.open();
  const seen = { rows: 0, rejected: 0, lists: 0 };
  await fc.assert(
    fc.asyncProperty(list, async (given) => {
      const quick = await outcomeOf(store, bench.path, given, false);
      expect(quick).toEqual(await outcomeOf(store, bench.path, given, true));
      if (!("staged" in quick)) return;
      seen.lists++;
      seen.rows += quick.staged.rows;
      seen.rejected += quick.staged.rejected;
    }),
    { numRuns: 500 },
  );
  // Or nothing was compared.
  expect(seen.lists).toBeGreaterThan(250);
  expect(seen.rows - seen.rejected).toBeGreaterThan(5_000);
  expect(seen.rejected).toBeGreaterThan(5_000);
}, 120_000);

let topics = 0;

async function outcomeOf(store: Store, path: string, given: List, isCareful: boolean) {
  const folder = await mkdtemp(join(tmpdir(), "ses-mail-plain-"));
  const bytes = bytesOf(given);
  const chunks = Array.from({ length: Math.ceil(bytes.length / given.chunk) }, (_, index) =>
    bytes.subarray(index * given.chunk, (index + 1) * given.chunk),
  );
  const io = { ...fakeIo({ cwd: folder }).io, stdin: Readable.from(chunks) };
  const content = { ...CONTENT, ...given.content };
  const encoding = /^(?:utf-16le|windows)/.test(given.encoding) ? { encoding: given.encoding } : {};
  const staging = await store.stage();
  try {
    const staged = await stageRecipients(io, staging, compileContent(content), {
      file: "-",
      recipients: encoding,
      timing: given.timing,
      dryRun: false,
      isCareful,
    });
    const topic = `topic ${++topics}`;
    const { columns } = staged;
    const target = { topic, content, file: "list.csv", columns, priority: 5, notBefore: null, replaceContent: false };
    const counts = await staging.commit(target);
    const rejects = join(folder, "stdin.rejects.csv");
    return {
      staged,
      counts,
      messages: rows(
        path,
        `select m.email, m.fields, m.not_before, m.priority, m.state, r.address, r.variant
         from message m join topic t on t.id = m.topic_id join recipient r on r.message_id = m.id
         where t.name = ? order by m.id`,
        topic,
      ),
      rejects: existsSync(rejects) ? readFileSync(rejects) : null,
    };
  } catch (error) {
    if (error instanceof UserError) return { refused: error.message, hint: error.hint };
    throw error;
  } finally {
    await staging.discard();
  }
}
