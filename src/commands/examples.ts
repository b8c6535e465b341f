import type { Command } from "commander";

/** Ends a command's help with examples. Each is a command line and what it does. Returns `command`. */
export function addExamples(command: Command, examples: readonly [line: string, does: string][]): Command {
  const lines = examples.map(([line, does]) => `  ${line}\n      ${does}`);
  return command.addHelpText("after", `\n${examples.length === 1 ? "Example" : "Examples"}:\n${lines.join("\n")}`);
}
