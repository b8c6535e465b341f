/** What the environment gives the options of a command. */
import type { Command } from "commander";
import { UserError } from "../errors.ts";

/**
 * Settles switches that came from the environment: `SES_MAIL_TRACK_OPENS=0` means off, which commander would take for on.
 * Throws `UserError` for a text that is neither yes nor no.
 */
export function settleSwitches(command: Command, env: Record<string, string | undefined>): void {
  for (const option of command.options) {
    const name = option.attributeName();
    if (option.envVar === undefined || !option.isBoolean() || command.getOptionValueSource(name) !== "env") continue;
    command.setOptionValueWithSource(name, parseSwitch(option.envVar, env[option.envVar] ?? ""), "env");
  }
}

/**
 * Keeps the names of the options that came from the environment, as `fromEnvironment` among their values: what the
 * environment asks for is for all mail, and not all mail can have it.
 */
export function noteEnvironment(command: Command): void {
  const names = command.options.map((option) => option.attributeName());
  const found = names.filter((name) => command.getOptionValueSource(name) === "env");
  if (found.length > 0) command.setOptionValue("fromEnvironment", new Set(found));
}

function parseSwitch(variable: string, text: string): boolean {
  if (/^(?:1|true|yes)$/i.test(text.trim())) return true;
  if (/^(?:0|false|no)$/i.test(text.trim())) return false;
  throw new UserError(`${variable} expects 1, true or yes, or 0, false or no, got ${JSON.stringify(text)}`);
}
