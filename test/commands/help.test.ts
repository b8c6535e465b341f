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
