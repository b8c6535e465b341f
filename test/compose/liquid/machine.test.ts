/** A mail says the same on every machine, whatever its time zone and language. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runProcess, workFolder } from "../../support/run.ts";

const FORMATS = ["%d.%m.%Y %H:%M", "%A %B %a %b", "%c;%x;%X", "%s %z %Z %j %U"].map(
  (format) => `{{ day | date: "${format}" }}`,
);
const TEMPLATE = [
  ...FORMATS,
  "{{ day | date_to_rfc822 }} {{ day | date_to_xmlschema }} {{ day | date_to_long_string }} {{ day | date }}",
  "{% if day < next %}before{% endif %} {{ sum | times: 1.5 }} {% if sum > 1000 %}large{% endif %}",
  '{{ names | split: ";" | sort_natural | join: ", " }} {{ names | upcase }} {{ names | capitalize }}',
].join("\n\n");
const CSV = `email,day,next,sum,names
a@example.net,2026-03-08 02:30,2026-03-08 02:31,"1.000,50",z;ä;I;i
b@example.net,01.03.2026,2026-03-02,1'000.50,x;İ;ı
c@example.net,2026-11-01T01:30:00-04:00,2026-11-01T06:30:00Z,1 000,a;B
`;
const MACHINES = [
  { TZ: "UTC", LANG: "C" },
  { TZ: "America/New_York", LANG: "en_US.UTF-8" },
  { TZ: "Pacific/Kiritimati", LANG: "de_DE.UTF-8", LC_ALL: "de_DE.UTF-8" },
  { TZ: "Asia/Kathmandu", LC_ALL: "tr_TR.UTF-8", LANGUAGE: "tr" },
  { TZ: "Europe/Lisbon", LC_ALL: "ko_KR.UTF-8" },
];

test("dates, numbers and order are those of the list", async () => {
  const folder = await workFolder();
  await writeFile(join(folder, "june.csv"), CSV);
  await writeFile(join(folder, "june.html"), "---\nsubject: s\nfrom: news@example.com\n---\n<p>See the text.</p>\n");
  await writeFile(join(folder, "june.txt"), TEMPLATE);
  const texts = [];
  for (const env of MACHINES) {
    const rows = await Promise.all(
      ["1", "2", "3"].map((row) =>
        runProcess(folder, ["preview", "june.csv", "--text", "june.txt", "--row", row, "--json"], { env }),
      ),
    );
    texts.push(rows.map(({ json }) => (json as { text: string }).text));
  }
  expect(texts[0]?.[0]).toContain("08.03.2026 02:30");
  expect(texts[0]?.[0]).toContain("Sunday March Sun Mar");
  expect(texts[0]?.[1]).toContain("01.03.2026 00:00");
  expect(texts[0]?.[2]).toContain("01.11.2026 01:30");
  expect(texts[0]?.every((text) => text.includes("before"))).toBe(true);
  for (const other of texts.slice(1)) expect(other).toEqual(texts[0]);
}, 60_000);
