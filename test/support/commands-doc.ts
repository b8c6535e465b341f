/** Fills the tables of docs/commands.md with what the program declares. */
import type { Command, Option } from "commander";
import { GROUPS } from "../../src/commands/options.ts";

/** Groups of options that several commands share. They have tables of their own. */
const SHARED = new Set<string | undefined>([
  GROUPS.content,
  GROUPS.tracking,
  GROUPS.list,
  GROUPS.sending,
  GROUPS.brokers,
]);
const SHARED_BY_SEND = new Set<string | undefined>([GROUPS.content, GROUPS.tracking, GROUPS.list]);

/**
 * The text with each block between `<!-- options … -->`, `<!-- subcommands … -->` or `<!-- settings -->` and `<!-- end -->` written
 * anew. A block of options names a command (`ses-mail send`), whose own options it lists, or a command and a group of its options
 * (`ses-mail send / Content:`).
 */
export function fillTables(text: string, program: Command): string {
  return text.replaceAll(
    /(<!-- (options|subcommands|settings) ?(.*?) ?-->\n)[\s\S]*?(<!-- end -->)/g,
    (_, start: string, kind: string, what: string, end: string) => `${start}${blockOf(program, kind, what)}${end}`,
  );
}

function blockOf(program: Command, kind: string, what: string): string {
  if (kind === "settings") return settingsTable(program);
  if (kind === "subcommands") return subcommandsTable(program, what);
  const [path = "", group] = what.split(" / ");
  return optionsTable(program, path, group);
}

/** The names of all commands, `ses-mail suppress add` among them. */
export function commandPaths(command: Command, above = ""): string[] {
  const path = `${above} ${command.name()}`.trim();
  const children = command.createHelp().visibleCommands(command);
  return [path, ...children.filter((one) => one.name() !== "help").flatMap((one) => commandPaths(one, path))];
}

/** Every variable that is a setting, and the options it sets. Where two commands disagree, their names stand there, too. */
function settings(program: Command): Map<string, string[]> {
  const found = new Map<string, Map<string, string[]>>();
  for (const path of commandPaths(program)) {
    for (const { envVar, long } of findCommand(program, path).options) {
      if (envVar === undefined || !long) continue;
      const options = found.get(envVar) ?? new Map<string, string[]>();
      found.set(envVar, options.set(long, [...(options.get(long) ?? []), path.split(" ").at(-1) ?? ""]));
    }
  }
  const sharing = (long: string) => [...found.values()].filter((options) => options.has(long)).length > 1;
  return new Map(
    [...found].map(([variable, options]) => [
      variable,
      [...options].map(([long, commands]) =>
        sharing(long) ? `\`${long}\` of ${commands.map((one) => `\`${one}\``).join(", ")}` : `\`${long}\``,
      ),
    ]),
  );
}

function optionsTable(program: Command, path: string, group: string | undefined): string {
  const rows = optionsOf(findCommand(program, path), group).map(rowOf);
  if (rows.length === 0) throw new Error(`docs/commands.md asks for a table of "${path}" that would be empty`);
  const hasSettings = rows.some(([, variable]) => variable !== "");
  const lines = rows.map(([flags, variable, meaning]) =>
    hasSettings ? `| ${flags} | ${variable} | ${meaning} |` : `| ${flags} | ${meaning} |`,
  );
  const head = hasSettings
    ? ["| option | environment | meaning |", "|---|---|---|"]
    : ["| option | meaning |", "|---|---|"];
  return `${[...head, ...lines].join("\n")}\n`;
}

function subcommandsTable(program: Command, path: string): string {
  const command = findCommand(program, path);
  const subcommands = command
    .createHelp()
    .visibleCommands(command)
    .filter((one) => one.name() !== "help");
  const rows = subcommands.flatMap((one) => [
    `| \`${path} ${one.name()}${argumentsOf(one)}\` | | ${one.description()} |`,
    ...optionsOf(one, undefined).map((option) => {
      const [flags, , meaning] = rowOf(option);
      return `| | ${flags} | ${meaning} |`;
    }),
  ]);
  return `${["| command | option | meaning |", "|---|---|---|", ...rows].join("\n")}\n`;
}

function argumentsOf(command: Command): string {
  return command.registeredArguments
    .map((one) => (one.required ? ` <${one.name()}${one.variadic ? "..." : ""}>` : ` [${one.name()}]`))
    .join("");
}

function settingsTable(program: Command): string {
  const rows = [...settings(program)]
    .toSorted(([one], [other]) => one.localeCompare(other))
    .map(([variable, uses]) => `| \`${variable}\` | ${uses.join(", ")} |`);
  return `${["| variable | option |", "|---|---|", ...rows].join("\n")}\n`;
}

/** The command's own options, without those of shared groups, or the options of one group. */
function optionsOf(command: Command, group: string | undefined): Option[] {
  const help = command.createHelp();
  const visible = help.visibleOptions(command).filter(({ long }) => long !== "--help");
  if (group !== undefined) return visible.filter(({ helpGroupHeading }) => helpGroupHeading === group);
  const shared = command.name() === "send" ? SHARED_BY_SEND : SHARED;
  return visible.filter(({ helpGroupHeading }) => !shared.has(helpGroupHeading));
}

function rowOf(option: Option): [flags: string, variable: string, meaning: string] {
  const flags = option.flags
    .split(/, (?=-)/)
    .map((each) => `\`${each}\``)
    .join(", ");
  return [flags, option.envVar === undefined ? "" : `\`${option.envVar}\``, meaningOf(option)];
}

function meaningOf(option: Option): string {
  const choices = option.argChoices === undefined ? "" : `: ${option.argChoices.map((one) => `\`${one}\``).join(", ")}`;
  const known = option.defaultValueDescription?.replaceAll('"', "") ?? option.defaultValue;
  const isKnown = known !== undefined && typeof known !== "boolean";
  const text = option.description.replaceAll("|", "\\|").replaceAll(/\{\{.*?\}\}/g, "`$&`");
  return `${text}${choices}${isKnown ? ` (default: ${String(known)})` : ""}`;
}

/** The command that the words of `path` lead to. */
function findCommand(program: Command, path: string): Command {
  const [, ...words] = path.split(" ");
  return words.reduce((command, word) => {
    const child = command.commands.find((one) => one.name() === word);
    if (child === undefined) throw new Error(`there is no command "${path}"`);
    return child;
  }, program);
}
