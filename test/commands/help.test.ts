// oxlint-disable vitest/valid-expect -- vitest takes a message as second argument
/** What the program says of itself, and of what it was not asked for. */
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { writeCampaign } from "../support/campaign.ts";
import { run, runProcess, workFolder } from "../support/run.ts";
import { sesServer } from "../support/ses-server.ts";

describe("help and errors", () => {
  it.each([
    [["send", "--nope"], /unknown option '--nope'/],
    [["sned"], /unknown command 'sned'.*send/],
    [["schedule", "june.csv"], /--at/],
    [[], /command/],
  ])("%j: with --json also a usage error is one document", async (args, words) => {
    const result = await run(await workFolder(), [...args, "--json"]);
    expect(result.code).toBe(2);
    expect(result.json).toEqual({ error: expect.stringMatching(words), exit_code: 2 });
  });

  it.each<[string, string]>([
    ["bogus", "unknown command 'bogus'; see ses-mail --help"],
    ["top", "unknown command 'top' (Did you mean topics?); see ses-mail --help"],
    ["sned", "unknown command 'sned' (Did you mean send?); see ses-mail --help"],
    ["HELP", "unknown command 'HELP' (Did you mean help?); see ses-mail --help"],
    ["s", "unknown command 's'; see ses-mail --help"],
    ["sup", "unknown command 'sup' (Did you mean suppress?); see ses-mail --help"],
    ["re", "unknown command 're' (Did you mean one of resume, retry, report?); see ses-mail --help"],
    ["suppress ad", "unknown command 'ad' (Did you mean add?); see ses-mail suppress --help"],
    ["help bogus", "unknown command 'bogus'; see ses-mail --help"],
    ["help nope", "unknown command 'nope'; see ses-mail --help"],
    ["help topcis", "unknown command 'topcis' (Did you mean topics?); see ses-mail --help"],
    ["help top", "unknown command 'top' (Did you mean topics?); see ses-mail --help"],
    ["help suppress bogus", "unknown command 'bogus'; see ses-mail suppress --help"],
    ["help send it", "unknown command 'it'; see ses-mail send --help"],
    ["topics --bogus", "unknown option '--bogus'; see ses-mail topics --help"],
    ["send --sofa", "unknown option '--sofa'; see ses-mail send --help"],
    ["send --form", "unknown option '--form' (Did you mean --from?); see ses-mail send --help"],
    ["topics --NAMES", "unknown option '--NAMES' (Did you mean --names?); see ses-mail topics --help"],
    ["send --subj=Hi", "unknown option '--subj=Hi' (Did you mean --subject?); see ses-mail send --help"],
    ["topics june", "too many arguments for 'topics'. Expected 0 arguments but got 1; see ses-mail topics --help"],
  ])("%s: one line that says what is wrong and what to do", async (line, words) => {
    const folder = await workFolder();
    const { code, stdout, stderr } = await run(folder, line.split(" "));
    expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: "", stderr: expect.stringMatching(/^[^\n]+\n$/) });
    expect(stderr).toContain(`ses-mail: ${words}\n`);
    const { json } = await run(folder, [...line.split(" "), "--json"]);
    expect(json).toEqual({ error: words, exit_code: 2 });
  });

  it.each([["suppress"], ["suppress", "add"], ["template", "preview"], ["send"], ["dead", "list"]])(
    "help %s %s shows what --help does",
    async (...command) => {
      const folder = await workFolder();
      const { code, stdout } = await run(folder, ["help", ...command]);
      expect(code).toBe(0);
      expect(stdout).toContain(`Usage: ses-mail ${command.join(" ")} `);
      expect(stdout).toBe((await run(folder, [...command, "--help"])).stdout);
    },
  );

  it.each(["import", "schedule", "send", "check", "serve", "work", "adopt"])(
    "%s: what belongs nowhere else comes last",
    async (command) => {
      const { stdout } = await run(await workFolder(), [command, "--help"]);
      const headings = [...stdout.matchAll(/^([A-Z][^\n]*):\n {2}-/gm)].map(([, heading]) => heading);
      expect(headings.slice(-2)).toEqual(["Options", "Global Options"]);
    },
  );

  it("serve: the zone of posted times stands with what is posted", async () => {
    const { stdout } = await run(await workFolder(), ["serve", "--help"]);
    const groups = stdout.split("\n\n");
    expect(groups.find((group) => group.startsWith("What is posted here:"))).toContain("--tz <zone>");
    expect(groups.find((group) => group.startsWith("What SES reports:"))).toMatch(/:\n {2}--sns-topic-arn/);
  });

  it("help alone is the help of the program", async () => {
    const folder = await workFolder();
    const { code, stdout } = await run(folder, ["help"]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: (await run(folder, ["--help"])).stdout });
  });

  it("every command's help lists the exit codes", async () => {
    const folder = await workFolder();
    const help = await run(folder, ["--help"]);
    expect(help.code).toBe(0);
    const names = [...help.stdout.matchAll(/^ {2}([a-z][a-z-]*)(?: \[options\]| <| \[|  )/gm)].map(
      (match) => match[1] ?? "",
    );
    expect(names).toEqual(
      expect.arrayContaining([
        "send",
        "import",
        "schedule",
        "cancel",
        "retry",
        "topics",
        "stats",
        "export",
        "preview",
        "sandbox",
      ]),
    );
    for (const name of names.filter((each) => each !== "help")) {
      const { code, stdout } = await run(folder, [name, "--help"]);
      expect(code, name).toBe(0);
      for (const exit of ["0 ", "1 ", "2 ", "3 ", "70", "130", "143"]) expect(stdout, name).toContain(exit);
    }
  });

  it("--version is the package's; no command shows the help; an unknown one is exit 2", async () => {
    const folder = await workFolder();
    const { version } = JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8")) as {
      version: string;
    };
    const shown = await run(folder, ["--version"]);
    expect([shown.code, shown.stdout.trim()]).toEqual([0, version]);
    const unknown = await run(folder, ["sned"]);
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toContain("send");
  });

  it("with --json an error is one document, with its exit code in it", async () => {
    const folder = await workFolder();
    const result = await run(folder, ["send", "none.csv", "--json"]);
    expect(result.code).toBe(2);
    expect(result.json).toEqual({ error: expect.any(String), exit_code: 2 });
  });

  it("--quiet is quiet, and colour is nowhere without a terminal", async () => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, 3);
    const server = await sesServer(folder);
    const quiet = await runProcess(folder, ["send", file, "--rate", "100", "--quiet"], { env: server.env });
    expect(quiet.stderr).toBe("");
    const loud = await runProcess(folder, ["stats"]);
    expect(loud.stdout + loud.stderr).not.toContain("\u001b");
  });
});
