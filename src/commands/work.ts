import { addBrokerOptions } from "./broker-options.ts";
import { addIncomingOptions, addSendingOptions, GROUPS, recipientCap } from "./options.ts";
import type { WorkFlags } from "../work/gateway/worker.ts";
import type { AddCommand } from "./command.ts";
import { addExamples } from "./examples.ts";

/** Declares `work`. */
export const addWork: AddCommand = (command, act) => {
  command
    .optionsGroup(GROUPS.first)
    .option("--sandbox", "rehearse: send to a local SES; no AWS account needed, mails land in ses-mail-outbox/")
    .option("--no-send", "only take mail in from a broker; others send it");
  addIncomingOptions(command, "What brokers bring:");
  addBrokerOptions(addSendingOptions(command).addOption(recipientCap()))
    .optionsGroup(GROUPS.other)
    .action(
      act<WorkFlags>(async (context, flags) => {
        const { work } = await import("../work/work.ts");
        return work(context, flags);
      }),
    );
  addExamples(command, [
    ["ses-mail work --sandbox", "tries it without AWS: what import and schedule take in lands in ses-mail-outbox/"],
    ["ses-mail work --db postgres://mail@db/mail --rate 50", "sends beside the workers of other machines"],
    [
      "ses-mail work --nats nats://127.0.0.1:4222 --from 'News <news@example.com>' --rate 50",
      "takes mail in from NATS, and sends it",
    ],
  ]);
};
