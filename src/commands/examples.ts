import type { Command } from "commander";
import { wrappedText } from "./help-layout.ts";

/** Ends a command's help with examples. Each is a command line and what it does. Returns `command`. */
export function addExamples(command: Command, examples: readonly [line: string, does: string][]): Command {
  const lines = examples.map(([line, does]) => `  ${line}\n      ${does}`);
  const heading = examples.length === 1 ? "Example" : "Examples";
  return command.addHelpText("after", wrappedText(`\n${heading}:\n${lines.join("\n")}`));
}
