/** Tags of other systems are told before they are mailed, by every command that takes a content. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { run, workFolder } from "../support/run.ts";

const WARNING = /like tags of another system.*\*\|FNAME\|\* \(HTML\), %%code%% \(HTML\)/;

test("send, import, schedule, preview and --dry-run say so once, and do what was asked", async () => {
  const folder = await workFolder();
  await writeFile(join(folder, "june.csv"), "email,name\nann@example.net,*|LNAME|*\n");
  const front = "---\nsubject: Hello\nfrom: news@example.com\n---\n";
  await writeFile(join(folder, "june.html"), `${front}<p>Hi *|FNAME|*, your code is %%code%%. {{ name }}</p>\n`);
  const commands = [
    ["preview", "june.csv"],
    ["send", "june.csv", "--dry-run"],
    ["import", "june.csv", "--topic", "a"],
    ["schedule", "june.csv", "--topic", "b", "--at", "+2h"],
    ["send", "june.csv", "--sandbox", "--yes", "--topic", "c"],
  ];
  for (const command of commands) {
    const { code, stderr } = await run(folder, command);
    expect(code).toBe(0);
    expect(stderr.match(new RegExp(WARNING, "g"))).toHaveLength(1);
    expect(stderr).not.toContain("LNAME");
  }
});
