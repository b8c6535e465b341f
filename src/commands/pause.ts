import type { PauseFlags } from "../work/pause.ts";
import type { AddCommand } from "./command.ts";

/** Declares `pause`. */
export const addPause: AddCommand = (command, act) => {
  command
    .argument("<topic>")
    .option("--for <duration>", "end the pause after this time, such as 2h (default: when the topic is resumed)")
    .action(
      act<PauseFlags>(async (context, flags, [topic]) => {
        const { pause } = await import("../work/pause.ts");
        return pause(context, topic ?? "", flags);
      }),
    );
};

/** Declares `resume`. */
export const addResume: AddCommand = (command, act) => {
  command.argument("<topic>").action(
    act(async (context, _flags, [topic]) => {
      const { resume } = await import("../work/pause.ts");
      return resume(context, topic ?? "");
    }),
  );
};
