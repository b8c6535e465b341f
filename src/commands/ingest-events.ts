import type { IngestFlags } from "../work/ingest-events.ts";
import type { AddCommand } from "./command.ts";
import { parseCount, setting } from "./options.ts";

/** Declares `ingest-events`. */
export const addIngestEvents: AddCommand = (program, act) => {
  program
    .command("ingest-events")
    .description(
      "read what SES reports about your mails: SNS, SQS, EventBridge, Firehose, CloudWatch and Lambda dumps, gzip or plain",
    )
    .argument("[files...]", "files, folders or globs; - for stdin")
    .addOption(
      setting("--sqs <queue-url>", "SQS", "read this SQS queue until interrupted, and delete what was applied"),
    )
    .option("--once", "with --sqs: end when the queue is empty (for cron)")
    .option("--max <n>", "with --sqs: end after this many queue messages", parseCount("--max"))
    .action(
      act<IngestFlags>(async (context, flags, files) => {
        const { ingestEvents } = await import("../work/ingest-events.ts");
        return ingestEvents(context, files, flags);
      }),
    );
};
