import type { Command } from "commander";
import type { DeadDropFlags } from "../work/dead/dead.ts";
import type { DeadRetryFlags } from "../work/dead/retry.ts";
import { UserError } from "../errors.ts";
import { parseRedis } from "./broker-options.ts";
import type { Act, AddCommand } from "./command.ts";
import { addExamples } from "./examples.ts";
import { addIncomingOptions, GROUPS, setting } from "./options.ts";

/** Declares `dead`. */
export const addDead: AddCommand = (dead, act) => {
  dead
    .command("list", { isDefault: true })
    .description("show the dead letters, newest first, and why they are dead")
    // It is what `dead` does by itself, so it gets every misspelt name of a subcommand.
    .allowExcessArguments()
    .action(
      act(async (context, _flags, [excess]) => {
        if (excess !== undefined) throw excessProblem(dead, excess);
        return (await import("../work/dead/dead.ts")).listDead(context);
      }),
    );
  dead
    .command("show")
    .description("show a dead letter with what is in it")
    .argument("<id>", "the number of a dead letter")
    .action(act(async (context, _flags, [id]) => (await import("../work/dead/dead.ts")).showDead(context, id ?? "")));
  addRetry(dead, act);
  addDrop(dead, act);
  addExamples(dead, [
    ["ses-mail dead", "what is there, and why?"],
    ["ses-mail dead retry --reason 'no template'", "takes in what only needed a template, after you added it"],
  ]);
};

function excessProblem(dead: Command, excess: string): UserError {
  const got = JSON.stringify(excess);
  if (dead.args[0] === "list") return new UserError(`dead list expects no arguments, got ${got}`);
  return new UserError(`dead: expected list, show, retry or drop, got ${got}`);
}

/** Adds the options that choose dead letters. */
function addChoice(command: Command): Command {
  return command
    .argument("[ids...]", "the numbers of dead letters")
    .optionsGroup(GROUPS.first)
    .option("--reason <text>", "all whose reason has this text")
    .option("--all", "all of them")
    .option("-y, --yes", "do not ask");
}

function addRetry(dead: Command, act: Act): void {
  const command = dead
    .command("retry")
    .description("take dead letters in again, as if they came anew; those that stay dead are named");
  addChoice(command);
  addIncomingOptions(command, "What is taken in:")
    .optionsGroup(GROUPS.other)
    .option("--sandbox", "the mail is for a rehearsal: serve --sandbox or work --sandbox sends it")
    .addOption(
      setting("--templates <dir>", "TEMPLATES", "templates of jobs that the store does not have, as <name>.html"),
    )
    .addOption(
      setting("--redis <url>", "REDIS", "the Redis server with the other templates, redis://host:6379/0").argParser(
        parseRedis,
      ),
    )
    .addOption(setting("--results <subject>", "RESULTS", "serve and work report on NATS what becomes of the mail"))
    .action(
      act<DeadRetryFlags>(async (context, flags, ids) => {
        const { retryDead } = await import("../work/dead/retry.ts");
        return retryDead(context, ids, flags);
      }),
    );
}

function addDrop(dead: Command, act: Act): void {
  const command = dead.command("drop").description("remove dead letters for good");
  addChoice(command).action(
    act<DeadDropFlags>(async (context, flags, ids) =>
      (await import("../work/dead/dead.ts")).dropDead(context, ids, flags),
    ),
  );
}
