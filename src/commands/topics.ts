import type { AddCommand } from "./command.ts";
import { addExamples } from "./examples.ts";
import type { TopicsFlags } from "../work/topics.ts";

/** Declares `topics`. */
export const addTopics: AddCommand = (command, act) => {
  command.option("--names", "only the names, one a line").action(
    act<TopicsFlags>(async (context, flags) => {
      const { listTopics, nameTopics } = await import("../work/topics.ts");
      return flags.names ? nameTopics(context) : listTopics(context);
    }),
  );
  addExamples(command, [["ses-mail topics", "shows what there is and what waits"]]);
};
