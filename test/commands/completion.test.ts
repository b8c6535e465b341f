import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Argument, Command, Option } from "commander";
import { describe, expect, test } from "vitest";
import { completionScript } from "../../src/commands/completion/script.ts";
import { ListOption } from "../../src/commands/options.ts";
import { UserError } from "../../src/errors.ts";

/** A program with everything a completion can meet. */
function program(): Command {
  const root = new Command("ses-mail").version("1.2.3", "-V, --version").option("-d, --db <file>", "job file");
  root.option("--no-color", "it's plain, $(touch pwned) `touch pwned` \\");
  root
    .command("send")
    .argument("[recipients.csv]", "list")
    .option("--rate <n>", "recipients per second")
    .option("--attach <file>", "attachment; may be repeated")
    .option("--dry-run", "send nothing: a rehearsal")
    .addOption(new Option("--secret", "not for everybody").hideHelp());
  root
    .command("stats")
    .argument("[topic]")
    .addOption(new Option("--format <format>", "how").choices(["table", "json", "csv"]));
  root
    .command("retry")
    .argument("<topic>")
    .option("--topic <name>", "another")
    .addOption(new ListOption("--state <list>", "states", ["failed", "in_doubt"]));
  root.command("preview").argument("<recipients.csv>").option("--output <dir>", "folder");
  root.command("ingest-events").argument("<topic>").argument("<file...>");
  const suppress = root.command("suppress").alias("block").description("addresses not written to");
  suppress.command("add").argument("<address>");
  suppress.command("remove").alias("rm").argument("<address>");
  root.command("template").command("show").argument("<template>");
  root.command("completion").addArgument(new Argument("<shell>").choices(["bash", "zsh", "fish"]));
  root.command("debug", { hidden: true });
  return root;
}

const ROOT_COMMANDS = [
  "block",
  "completion",
  "help",
  "ingest-events",
  "preview",
  "retry",
  "send",
  "stats",
  "suppress",
].concat("template");
const ROOT_FLAGS = ["--db", "--help", "--no-color", "--version", "-V", "-d", "-h"];
const SEND_FLAGS = ["--attach", "--db", "--dry-run", "--help", "--no-color", "--rate", "--version", "-V", "-d", "-h"];
const FILES = ["campaign.csv", "campaign.html", "folder", "två ord.csv"];
const LISTS = ["campaign.csv", "folder", "två ord.csv"];
const TOPICS = ["june", "junge Leute", "뉴스레터 1월"];
const TEMPLATES = ["my receipt", "영수증"];
const FORMATS = ["csv", "json", "table"];
const SHELLS = ["bash", "zsh", "fish"];

/**
 * The words before the cursor, the last one being completed, and what is offered for it. Written as bash's readline
 * cuts them, which is `--a=b` in three.
 */
const CASES: [string[], string[]][] = [
  [[""], ROOT_COMMANDS],
  [["s"], ["send", "stats", "suppress"]],
  [["x"], []],
  [["-"], ROOT_FLAGS],
  [["--no"], ["--no-color"]],
  [["--db", ""], FILES],
  [
    ["-d", "campaign"],
    ["campaign.csv", "campaign.html"],
  ],
  [["--db", "send", ""], ROOT_COMMANDS],
  [["--db", "x.db", "send", "--dry-run", "-"], SEND_FLAGS],
  [["--no-color", "stats", "--format", ""], FORMATS],
  [["stats", "--format", "c"], ["csv"]],
  [["stats", "--format", "csv", ""], TOPICS],
  [
    ["stats", "ju"],
    ["june", "junge Leute"],
  ],
  [["stats", "뉴"], ["뉴스레터 1월"]],
  [["--db", "other.db", "stats", ""], ["of other.db"]],
  [["retry", "june", "--topic", "jung"], ["junge Leute"]],
  [
    ["retry", "june", "--state", ""],
    ["failed", "in_doubt"],
  ],
  [["retry", "june", "--state", "failed,in"], ["failed,in_doubt"]],
  [["stats", "june", "--fo"], ["--format"]],
  [["stats", "send", "--fo"], ["--format"]],
  [["send", ""], LISTS],
  [["send", "--rate", ""], []],
  [["send", "--rate", "14", "t"], ["två ord.csv"]],
  [["preview", "campaign"], ["campaign.csv"]],
  [["send", "--attach", "campaign.h"], ["campaign.html"]],
  [["send", "--dry-run", "campaign.c"], ["campaign.csv"]],
  [["send", "campaign.csv", ""], []],
  [["send", "-", ""], []],
  [["send", "--", "-"], []],
  [["send", "--secr"], []],
  [["preview", "--output", "f"], ["folder"]],
  [["preview", "--output", "campaign"], []],
  [["ingest-events", ""], TOPICS],
  [["ingest-events", "june", "campaign.c"], ["campaign.csv"]],
  [["ingest-events", "june", "a", "b", "campaign.c"], ["campaign.csv"]],
  [
    ["suppress", ""],
    ["add", "help", "remove", "rm"],
  ],
  [
    ["block", "r"],
    ["remove", "rm"],
  ],
  [["suppress", "rm", "--d"], ["--db"]],
  [["suppress", "add", ""], []],
  [["template", "show", ""], TEMPLATES],
  [
    ["completion", ""],
    ["bash", "fish", "zsh"],
  ],
  [["debug", "--secr"], []],
];

function folder(): string {
  const cwd = mkdtempSync(join(tmpdir(), "ses-mail-completion-"));
  for (const name of FILES.filter((file) => file !== "folder")) writeFileSync(join(cwd, name), "");
  mkdirSync(join(cwd, "folder"));
  return cwd;
}

/** Runs the shell on a script; the lines it prints. Fails when anything is said on stderr. */
function run(shell: string, args: string[], script: string, cwd = folder()): string[] {
  const file = join(mkdtempSync(join(tmpdir(), "ses-mail-script-")), "script");
  writeFileSync(file, script);
  const result = spawnSync(shell, [...args, file], { cwd, encoding: "utf8", env: { ...process.env, HOME: cwd } });
  expect(result.stderr).toBe("");
  return result.stdout.split("\n").filter((line) => line !== "");
}

/** Stands for the program, which the scripts ask for topics and templates. */
const PROGRAM = `ses-mail() {
  if [ "$1 $2 $3" = "template list --names" ]; then printf '%s\\n' ${TEMPLATES.map((name) => `'${name}'`).join(" ")}; return; fi
  [ "$1 $2" = "topics --names" ] || return 1
  if [ "$3" = --db ]; then echo "of $4"; else printf '%s\\n' ${TOPICS.map((topic) => `'${topic}'`).join(" ")}; fi
}
`;

const word = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
const has = (shell: string) => spawnSync(shell, ["--version"]).status === 0;

test.each(["", "powershell", "Bash", "toString"])("another shell (%j) is the user's error", (shell) => {
  const attempt = () => completionScript(shell, program());
  expect(attempt).toThrow(UserError);
  expect(attempt).toThrow(`completion expects bash, zsh or fish, got ${JSON.stringify(shell)}`);
});

test.each(SHELLS)("a program without commands or options has a script for %s, too", (shell) => {
  const script = completionScript(shell, new Command("plain").helpOption(false).helpCommand(false));
  expect(script).toContain("plain");
  if (has(shell)) run(shell, ["-n"], script);
});

describe("bash", () => {
  const script = completionScript("bash", program());

  function complete(words: string[], line = ["ses-mail", ...words].join(" ")): string[] {
    const typed = ["ses-mail", ...words].map(word).join(" ");
    return run(
      "bash",
      ["--norc", "--noprofile"],
      `compopt() { [ "$2" = filenames ]; }
${PROGRAM}${script}
COMP_WORDS=(${typed}); COMP_CWORD=${words.length}; COMP_LINE=${word(line)}
_ses_mail; printf '%s\\n' "\${COMPREPLY[@]}"`,
    ).sort();
  }

  test.each(CASES)("after %j offers %j", (words, expected) => {
    expect(complete(words)).toEqual(expected);
  });

  test.each([
    [["stats", "--format", "="], FORMATS],
    [["stats", "--format", "=", "j"], ["json"]],
    [["stats", "--format", "=", "json", "--fo"], ["--format"]],
    [["send", "--rate", "=", "14", "campaign.c"], ["campaign.csv"]],
    [["--db", "=", "campaign.c"], ["campaign.csv"]],
  ])("after %j, cut at the equals sign, offers %j", (words, expected) => {
    expect(complete(words)).toEqual(expected);
  });

  const SERVER = ["postgres", ":", "//me", "@", "db/mail"];
  test.each([
    [["--db", ...SERVER, "stats", "--fo"], ["--format"]],
    [["--db", ...SERVER, "stats", ""], ["of postgres://me@db/mail"]],
    [["--db", "=", ...SERVER, "stats", ""], ["of postgres://me@db/mail"]],
    [["--db", ...SERVER], []],
    [["--db", "postgres", ":"], []],
  ])("after %j, cut at colon and at sign, offers %j", (words, expected) => {
    const line = ["ses-mail", ...words].join(" ").replaceAll(/ ([:@=]) ?/g, "$1");
    expect(complete(words, line)).toEqual(expected);
  });

  test("is registered for the command, and runs nothing that a description says", () => {
    const cwd = folder();
    expect(run("bash", ["--norc", "--noprofile"], `${script}\ncomplete -p ses-mail; ls`, cwd)).toEqual([
      "complete -F _ses_mail ses-mail",
      ...FILES,
    ]);
  });
});

describe.skipIf(!has("zsh"))("zsh", () => {
  const script = completionScript("zsh", program());
  // The two builtins and two functions of the completion system that the script calls, saying what they were told.
  const system = `
compdef() { :; }
compadd() { shift; for candidate in "$@"; do [[ $candidate == "$PREFIX"* ]] && print -r -- "$BEFORE$candidate"; done; true }
_describe() { local each; for each in "\${(@P)argv[-1]}"; do [[ $each == *:* && $each == "$PREFIX"* ]] && print -r -- "\${each%%:*}"; done; true }
_files() {
  local -a found
  setopt local_options extended_glob
  case $1 in
    -/) found=("$PREFIX"*(N/)) ;;
    -g) found=("$PREFIX"*(N/) "$PREFIX"*(N.)); found=(\${(M)found:#(*.(csv|tsv|txt)|folder)}) ;;
    *) found=("$PREFIX"*(N)) ;;
  esac
  print -rl -- $found
}
compset() { local rest=\${PREFIX##\${~2}}; BEFORE=\${PREFIX%"$rest"}; [[ $2 == '*=' ]] && BEFORE=; PREFIX=$rest; }
${PROGRAM}BEFORE=
`;

  function complete(words: string[]): string[] {
    const typed = ["ses-mail", ...words].map(word).join(" ");
    const at = `words=(${typed}); CURRENT=${words.length + 1}; PREFIX=${word(words.at(-1) ?? "")}`;
    return run("zsh", ["-f"], `${system}${script}${at}; _ses_mail`).sort();
  }

  test.each(CASES)("after %j offers %j", (words, expected) => {
    expect(complete(words)).toEqual(expected);
  });

  test.each([
    [["stats", "--format="], FORMATS],
    [["stats", "--format=j"], ["json"]],
    [["--db=x.db", "stats", "--fo"], ["--format"]],
    [["--db=campaign.c"], ["campaign.csv"]],
  ])("after %j, in one word, offers %j", (words, expected) => {
    expect(complete(words)).toEqual(expected);
  });
});

describe.skipIf(!has("fish"))("fish", () => {
  const FISH_PROGRAM = `function ses-mail
  test "$argv[1]" = template; and printf '%s\\n' ${TEMPLATES.map((name) => `'${name}'`).join(" ")}; and return
  test "$argv[3]" = --db; and echo "of $argv[4]"; and return
  printf '%s\\n' ${TOPICS.map((topic) => `'${topic}'`).join(" ")}
end
`;
  const script = completionScript("fish", program());

  function complete(words: string[]): string[] {
    const typed = ["ses-mail", ...words].join(" ");
    const offered = run("fish", ["--no-config"], `${FISH_PROGRAM}${script}\ncomplete -C ${word(typed)}`);
    return offered.map((line) => line.split("\t")[0]?.replace(/\/$/, "") ?? "").sort();
  }

  test.each(CASES)("after %j offers %j", (words, expected) => {
    expect(complete(words)).toEqual(expected);
  });
});
