import type { IngestFlags } from "../work/ingest-events.ts";
import type { AddCommand } from "./command.ts";
import { addExamples } from "./examples.ts";
import { parseCount, setting } from "./options.ts";

/** Declares `ingest-events`. */
export const addIngestEvents: AddCommand = (command, act) => {
  command
    .argument("[files...]", "files, folders or globs; - for stdin")
    .addOption(
      setting("--sqs <queue-url>", "SQS", "read this SQS queue, until interrupted, and delete what is applied"),
    )
    .option("--once", "with --sqs: end when the queue is empty (for cron)")
    .option("--max <n>", "with --sqs: end after this many messages", parseCount("--max"))
    .action(
      act<IngestFlags>(async (context, flags, files) => {
        const { ingestEvents } = await import("../work/ingest-events.ts");
        return ingestEvents(context, files, flags);
      }),
    );
  addExamples(command, [
    ["ses-mail ingest-events events/", "reads every file of a folder, gzip or plain"],
    [
      "ses-mail ingest-events --sqs https://sqs.eu-west-1.amazonaws.com/123456789012/ses-events --once",
      "reads a queue until it is empty: a line for cron",
    ],
  ]);
};
