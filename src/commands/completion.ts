import { Argument } from "commander";
import { EXIT } from "../errors.ts";
import type { AddCommand } from "./command.ts";
import { addExamples } from "./examples.ts";

/** Declares `completion`. */
export const addCompletion: AddCommand = (command, act) => {
  command.addArgument(new Argument("<shell>", "the shell that will read it").choices(["bash", "zsh", "fish"])).action(
    act(async ({ terminal }, _flags, [shell]) => {
      const { completionScript } = await import("./completion/script.ts");
      terminal.result(completionScript(shell ?? "", command.parent ?? command));
      return EXIT.done;
    }),
  );
  addExamples(command, [
    ["source <(ses-mail completion bash)", "a line for ~/.bashrc; the same with zsh in ~/.zshrc"],
    ["ses-mail completion fish | source", "a line for ~/.config/fish/config.fish"],
  ]);
};
