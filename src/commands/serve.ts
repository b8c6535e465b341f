import { wrappedText } from "./help-layout.ts";
import { addIncomingOptions, addSendingOptions, collect, GROUPS, recipientCap, setting } from "./options.ts";
import { addBrokerOptions } from "./broker-options.ts";
import type { ServeFlags } from "../work/gateway/settings.ts";
import type { AddCommand } from "./command.ts";
import { addExamples } from "./examples.ts";

const KEYS = `
It refuses to start without an API key: SES_MAIL_API_KEY (16 characters or more), or keys made with ses-mail key add.
Also read: SES_MAIL_SNS_RAW_SECRET (password of raw SNS deliveries), SES_MAIL_SECRET (signs tracking links).`;

const POSTED = "What is posted here:";

/** Declares `serve`. */
export const addServe: AddCommand = (command, act) => {
  command
    .optionsGroup(GROUPS.first)
    .option("--sandbox", "rehearse: send to a local SES; no AWS account needed, mails land in ses-mail-outbox/")
    .addOption(setting("--port <n>", "PORT", "port; 0 picks a free one").default("8080"))
    .addOption(setting("--host <address>", "HOST", "address to listen on").default("127.0.0.1"))
    .addOption(
      setting("--trust-proxy", "TRUST_PROXY", "believe the X-Forwarded headers of the reverse proxy in front"),
    );
  addIncomingOptions(command, POSTED)
    .optionsGroup(POSTED)
    .addOption(
      setting("--tz <zone>", "TZ", "zone of scheduled times that come without an offset; without it they are refused"),
    )
    .optionsGroup("What SES reports:")
    .addOption(
      setting(
        "--sns-topic-arn <arn>",
        "SNS_TOPIC_ARN",
        "believe messages of this SNS topic; may be repeated",
      ).argParser(collect),
    )
    .option(
      "--sns-trust <file>",
      "PEM of another public key to check SNS signatures with, such as a sandbox's",
      collect,
    )
    .addOption(
      setting("--sns-max-age <duration>", "SNS_MAX_AGE", "refuse SNS messages that are older than this").default("90m"),
    );
  addBrokerOptions(addSendingOptions(command).addOption(recipientCap()))
    .optionsGroup(GROUPS.other)
    .addHelpText("after", wrappedText(KEYS))
    .action(
      act<ServeFlags>(async (context, flags) => {
        const { serve } = await import("../work/serve.ts");
        return serve(context, flags);
      }),
    );
  addExamples(command, [
    [`ses-mail serve --sandbox --from 'News <news@example.com>'`, `tries it without AWS: http://127.0.0.1:8080/`],
    [
      "ses-mail serve --base-url https://mail.example.com --track-opens --unsubscribe",
      "counts opens and unsubscriptions behind a proxy",
    ],
    [
      "ses-mail serve --db postgres://mail@db/mail --outlet nats --nats nats://nats:4222",
      "hands mail over to NATS, for workers elsewhere to send",
    ],
  ]);
};
