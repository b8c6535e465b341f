import { Argument } from "commander";
import { EXIT } from "../errors.ts";
import type { AddCommand } from "./command.ts";

/** Declares `completion`. */
export const addCompletion: AddCommand = (program, act) => {
  program
    .command("completion")
    .description("print a completion script for your shell: source <(ses-mail completion bash)")
    .addArgument(new Argument("<shell>", "the shell to complete for").choices(["bash", "zsh", "fish"]))
    .action(
      act(async ({ terminal }, _flags, [shell]) => {
        const { completionScript } = await import("./completion/script.ts");
        terminal.result(completionScript(shell ?? "", program));
        return EXIT.done;
      }),
    );
};
