import { Argument } from "commander";
import { EXIT } from "../errors.ts";
import type { AddCommand } from "./command.ts";
import { addExamples } from "./examples.ts";

/** Declares `completion`. */
export const addCompletion: AddCommand = (program, act) => {
  const command = program
    .command("completion")
    .description("print a script that completes commands, options, topics and states in a shell")
    .addArgument(new Argument("<shell>", "the shell that will read it").choices(["bash", "zsh", "fish"]))
    .action(
      act(async ({ terminal }, _flags, [shell]) => {
        const { completionScript } = await import("./completion/script.ts");
        terminal.result(completionScript(shell ?? "", program));
        return EXIT.done;
      }),
    );
  addExamples(command, [
    ["source <(ses-mail completion bash)", "a line for ~/.bashrc; the same with zsh in ~/.zshrc"],
    ["ses-mail completion fish | source", "a line for ~/.config/fish/config.fish"],
  ]);
};
