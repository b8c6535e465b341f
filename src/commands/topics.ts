import type { AddCommand } from "./command.ts";

/** Declares `topics`. */
export const addTopics: AddCommand = (program, act) => {
  program
    .command("topics")
    .description("list the topics and the states of their messages")
    .action(
      act(async (context) => {
        const { listTopics } = await import("../work/topics.ts");
        return listTopics(context);
      }),
    );
};
