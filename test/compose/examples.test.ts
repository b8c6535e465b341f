import { createReadStream } from "node:fs";
import { expect, test } from "vitest";
import { readContent } from "../../src/compose/content/content.ts";
import { openRecipients } from "../../src/compose/list/recipients.ts";
import { compileContent } from "../../src/compose/mail/template.ts";

test.each([
  ["newsletter", 12],
  ["announcement", 5],
])("every row of the example %s can be sent", async (name, rows) => {
  const file = new URL(`../../examples/${name}.csv`, import.meta.url).pathname;
  const { content } = await readContent({ contentFile: null, recipientsFile: file, overrides: {} });
  const compiled = compileContent(content);
  const recipients = await openRecipients(createReadStream(file), { name: file });
  const check = compiled.check(recipients.columns);
  const mails = [];
  for await (const batch of recipients.batches()) {
    for (const row of batch) {
      if ("reason" in row) throw new Error(`line ${row.line}: ${row.reason}`);
      expect(check(row.fields)).toBeNull();
      mails.push(
        compiled.render(
          row.address,
          Object.fromEntries(recipients.columns.map((column, index) => [column, row.fields[index] ?? ""])),
        ),
      );
    }
  }
  expect(mails).toHaveLength(rows);
  for (const mail of mails) expect(`${mail.subject}${mail.html}${mail.text}`).not.toMatch(/\{\{|\{%/);
});
