import type { PauseFlags } from "../work/pause.ts";
import type { AddCommand } from "./command.ts";

/** Declares `pause` and `resume`. */
export const addPause: AddCommand = (program, act) => {
  program
    .command("pause")
    .description("send nothing of a topic for a while; running processes stop within a second")
    .argument("<topic>")
    .option("--for <duration>", "end the pause after this time, such as 2h (default: when the topic is resumed)")
    .action(
      act<PauseFlags>(async (context, flags, [topic]) => {
        const { pause } = await import("../work/pause.ts");
        return pause(context, topic ?? "", flags);
      }),
    );
  program
    .command("resume")
    .description("let a paused topic go on; the next send, or the gateway, continues with it")
    .argument("<topic>")
    .action(
      act(async (context, _flags, [topic]) => {
        const { resume } = await import("../work/pause.ts");
        return resume(context, topic ?? "");
      }),
    );
};
