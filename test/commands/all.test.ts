/** The list of commands: what is said of a command before it is loaded is what it is, and nobody notices what is loaded late. */
import { readdirSync } from "node:fs";
import { type Command, Help } from "commander";
import { describe, expect, it } from "vitest";
import { COMMANDS, nameOf } from "../../src/commands/all.ts";
import { describeCommands } from "../../src/commands/parse.ts";
import { fakeIo } from "../support/fake-io.ts";
import { run, runProcess, workFolder } from "../support/run.ts";

const listed = COMMANDS.flatMap(([, commands]) => commands);
const whole = await describeCommands(fakeIo().io);

describe("the list of commands", () => {
  it("says of each command what it declares", () => {
    const usual = new Help();
    const declared = whole.commands.map((command) => usual.subcommandTerm(command));
    expect(listed.map(({ term }) => term)).toEqual(declared);
    expect(listed.map(({ description }) => description)).toEqual(whole.commands.map((each) => each.description()));
  });

  it("has every file that declares one, under its name", async () => {
    const folder = new URL("../../src/commands/", import.meta.url);
    const files = readdirSync(folder).filter((file) => file.endsWith(".ts"));
    const declaring: unknown[] = [];
    for (const file of files) {
      const exports = Object.entries((await import(new URL(file, folder).href)) as Record<string, unknown>);
      declaring.push(...exports.filter(([name]) => /^add[A-Z]/.test(name)).map(([, value]) => value));
    }
    const loaded = await Promise.all(listed.map(({ load }) => load()));
    expect(new Set(loaded).size).toBe(listed.length);
    // Helpers are named alike, but take other arguments.
    for (const add of loaded) expect(declaring).toContain(add);
  });

  it.each(listed.map((each) => [nameOf(each)]))("gives the help of %s as if all were loaded", async (name) => {
    const command = whole.commands.find((each) => each.name() === name) as Command;
    const folder = await workFolder();
    const { stdout } = await run(folder, [name, "--help"]);
    for (const option of command.options.filter(({ hidden }) => !hidden)) expect(stdout).toContain(option.long);
    for (const below of command.commands) expect(stdout).toContain(`  ${below.name()}`);
    expect((await run(folder, ["help", name])).stdout).toBe(stdout);
  });

  it("names other commands in an error, although they were not loaded", async () => {
    const { code, stderr } = await run(await workFolder(), ["topics", "--replace-content"]);
    expect(code).toBe(2);
    expect(stderr).toContain("unknown option '--replace-content' of ses-mail topics; it is one of ses-mail send,");
  });

  it("takes the name of a command for a value where a value is meant", async () => {
    const folder = await workFolder();
    const { code, stderr } = await run(folder, ["--db", "send", "topics"]);
    expect(code).toBe(2);
    expect(stderr).toContain(`there is no job file ${folder}/send`);
  });
});

describe("--version", () => {
  it("is answered alike alone, where nothing else is loaded, and with more", async () => {
    const folder = await workFolder();
    const alone = await runProcess(folder, ["--version"]);
    expect(alone.code).toBe(0);
    for (const args of [["-V"], ["--json", "--version"], ["--version", "topics"], ["--db", "x.db", "-V"]]) {
      const { code, stdout, stderr } = await run(folder, args);
      expect({ args, code, stdout, stderr }).toEqual({ args, code: 0, stdout: alone.stdout, stderr: "" });
    }
  });
});
