/** What is shown and asked in a real terminal, and what Ctrl-C does there. */
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { HTML, writeCampaign } from "../support/campaign.ts";
import { totals } from "../support/expected.ts";
import { startInTerminal } from "../support/pty.ts";
import { run, workFolder } from "../support/run.ts";
import { screenOf } from "../support/screen.ts";
import { sesServer } from "../support/ses-server.ts";

const QUESTION = "Send now? [y/N]";
const CTRL_C = "\u0003";
const CTRL_D = "\u0004";

async function list(folder: string, rows: string[], name = "june"): Promise<string> {
  await writeFile(join(folder, `${name}.csv`), `email,name\n${rows.join("\n")}\n`);
  await writeFile(join(folder, `${name}.html`), HTML);
  return `${name}.csv`;
}

describe("send asks", () => {
  it("with what will really happen: the counts, the rejects, and the subject of who gets the first mail", async () => {
    const folder = await workFolder();
    const server = await sesServer(folder);
    await run(folder, ["suppress", "add", "sue@example.net"]);
    const before = await list(folder, ["ann@example.net,Ann"]);
    expect((await run(folder, ["send", before, "--rate", "100"], { env: server.env })).code).toBe(0);
    const rows = ["ann@example.net,Ann", "sue@example.net,Sue", "bad,Bo", "cy@example.net,Cy", "CY@example.net,Cy"];
    const file = await list(folder, [...rows, "di@example.net,Di"]);
    const terminal = startInTerminal(folder, ["send", file, "--rate", "100"], { env: server.env });
    await terminal.shows(QUESTION);
    const shown = terminal.output();
    expect(shown).toContain("From      News <news@example.com>");
    expect(shown).toContain("Subject   Hello Cy");
    expect(shown).toContain("To        cy@example.net and 1 other");
    expect(shown).toContain(
      "6 rows, 2 new, 1 in the topic already, 1 duplicate, 1 rejected (see june.csv.rejects.csv), 1 suppressed",
    );
    expect(shown).toContain('line 4: "bad" has no @');
    expect(shown).toContain("2 to send · 1 sent before");
    expect(shown).toContain("100 per second, less than a second");
    expect(server.received()).toHaveLength(1);
    terminal.type("y\n");
    expect(await terminal.finished).toMatchObject({ code: 1, restored: true });
    // The last two may be under way at the same time.
    expect(server.received().toSorted()).toEqual(["ann@example.net", "cy@example.net", "di@example.net"]);
  });

  it("nothing when nothing is left to send, and says so in one line", async () => {
    const folder = await workFolder();
    const server = await sesServer(folder);
    const file = await writeCampaign(folder, 12);
    await run(folder, ["send", file, "--rate", "100"], { env: server.env });
    const { code, output } = await startInTerminal(folder, ["send", file], { env: server.env }).finished;
    expect({ code, output }).toEqual({ code: 0, output: "12 rows: 0 to send, 12 sent before\n" });
    expect(server.received()).toHaveLength(12);
  });

  it("of a list that was sent in part how many are left, and of --max how many go now", async () => {
    const folder = await workFolder();
    const server = await sesServer(folder);
    const file = await writeCampaign(folder, 8);
    await run(folder, ["send", file, "--rate", "100", "--max", "3"], { env: server.env });
    const terminal = startInTerminal(folder, ["send", file, "--max", "2"], { env: server.env });
    await terminal.shows(QUESTION);
    expect(terminal.output()).toContain("2 to send (--max) of 5 · 3 sent before");
    expect(terminal.output()).toContain("Subject   Hello Person 4");
    terminal.type("n\n");
    expect(await terminal.finished).toMatchObject({ code: 2, restored: true });
    expect(server.received()).toHaveLength(3);
  });

  it.each([
    ["Ctrl-C", CTRL_C, 130, /\^C\nses-mail: interrupted\n$/],
    ["the end of the input", CTRL_D, 2, /\nses-mail: not confirmed; nothing was sent\n$/],
    ["an empty line", "\n", 2, /\nses-mail: not confirmed; nothing was sent\n$/],
  ])("and takes %s for no: nothing is changed", async (_name, typed, code, last) => {
    const folder = await workFolder();
    const server = await sesServer(folder);
    const file = await writeCampaign(folder, 2);
    const terminal = startInTerminal(folder, ["send", file], { env: server.env });
    await terminal.shows(QUESTION);
    terminal.type(typed);
    const ended = await terminal.finished;
    expect(ended).toMatchObject({ code, restored: true });
    expect(ended.output).toMatch(last);
    expect((await run(folder, ["topics", "--json"])).json).toEqual({ topics: [] });
    expect(server.received()).toEqual([]);
  });
});

it.each([40, 80])(
  "Ctrl-C during the bar at %i columns leaves whole lines, and no time that is left",
  async (columns) => {
    const folder = await workFolder();
    const server = await sesServer(folder);
    const file = await writeCampaign(folder, 300);
    const terminal = startInTerminal(folder, ["send", file, "--rate", "20"], {
      columns,
      env: { ...server.env, NO_COLOR: "1" },
    });
    await terminal.shows(QUESTION);
    terminal.type("y\n");
    await terminal.shows("sent 20");
    terminal.type(CTRL_C);
    const { code, output, restored } = await terminal.finished;
    expect({ code, restored }).toEqual({ code: 130, restored: true });
    // The terminal shows Ctrl-C where the cursor is, which must not push the bar over the edge.
    const [, ...lines] = screenOf(output.slice(output.indexOf(QUESTION)), columns);
    const expected = [
      /^(?:Waiting for \d+ answers? of SES; interrupt again to leave at once\.)?/,
      /sent \d+ of 300 \([\d.]+\/s\), failed 0, in doubt 0/,
      /interrupted by SIGINT\. \d+ messages remain: run the same command again to resume\./,
      /june: \d+ sent, 0 failed, 0 in doubt in [^;]*; \d+ of 300 sent in all, \d+ pending$/,
    ];
    // A line that goes on in the next row may end with a blank, which is not shown.
    const whole = new RegExp(expected.map(({ source }) => source.replaceAll(" ", " ?")).join(""));
    expect(lines.join("")).toMatch(whole);
    expect((await run(folder, ["topics", "--json"])).json.topics[0]).toMatchObject({ failed: 0, in_doubt: 0 });
  },
);

it("retry asks, and Ctrl-C there is 130", async () => {
  const folder = await workFolder();
  const file = await writeCampaign(folder, 1);
  await run(folder, ["import", file]);
  await run(folder, ["cancel", "june"]);
  const terminal = startInTerminal(folder, ["retry", "june", "--state", "cancelled"]);
  await terminal.shows('Put 1 message of "june" back to pending? [y/N]');
  terminal.type(CTRL_C);
  expect(await terminal.finished).toMatchObject({ code: 130, restored: true });
  expect((await run(folder, ["stats", "june", "--json"])).json).toMatchObject(totals({ cancelled: 1 }));
});

it("a missing region is told before the question, and leaves no job file", async () => {
  const folder = await workFolder();
  const file = await writeCampaign(folder, 1);
  const before = await readdir(folder);
  const { code, output } = await startInTerminal(folder, ["send", file], { env: { AWS_REGION: "" } }).finished;
  expect(code).toBe(2);
  expect(output).toMatch(/^ses-mail: AWS_REGION expects/);
  expect(output).not.toContain(QUESTION);
  expect(await readdir(folder)).toEqual(before);
});
