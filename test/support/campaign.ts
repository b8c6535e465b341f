import { writeFile } from "node:fs/promises";
import { join } from "node:path";

export const HTML = `---
subject: "Hello {{ name }}"
from: "News <news@example.com>"
---
<p>Dear {{ name }}, welcome.</p>
`;

/** The addresses of `writeCampaign`, in order. */
export function addresses(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `p${index + 1}@example.net`);
}

/** Writes `<name>.csv` with `count` recipients and `<name>.html` beside it; returns the CSV's name. */
export async function writeCampaign(folder: string, count: number, name = "june"): Promise<string> {
  const rows = addresses(count).map((address, index) => `${address},Person ${index + 1}`);
  await writeFile(join(folder, `${name}.csv`), `email,name\n${rows.join("\n")}\n`);
  await writeFile(join(folder, `${name}.html`), HTML);
  return `${name}.csv`;
}
