import { addSendingOptions, addTrackingOptions, collect, setting } from "./options.ts";
import type { ServeFlags } from "../work/gateway/settings.ts";
import type { AddCommand } from "./command.ts";

const KEYS = `
It refuses to start without an API key: SES_MAIL_API_KEY (16 characters or more), or keys made with ses-mail key add.
Also read: SES_MAIL_SNS_RAW_SECRET (password of raw SNS deliveries), SES_MAIL_SECRET (signs tracking links).`;

/** Declares `serve`. */
export const addServe: AddCommand = (program, act) => {
  const command = program
    .command("serve")
    .description("the gateway: HTTP API, SNS webhook, tracking and dashboard over the job file; sends what is due")
    .addOption(setting("--port <n>", "PORT", "port; 0 picks a free one").default("8080"))
    .addOption(setting("--host <address>", "HOST", "address to listen on").default("127.0.0.1"))
    .addOption(setting("--trust-proxy", "TRUST_PROXY", "behind one reverse proxy: believe its X-Forwarded headers"))
    .addOption(setting("--from <mailbox>", "FROM", "sender of what comes in here, 'Name <address>'"))
    .addOption(setting("--reply-to <mailbox>", "REPLY_TO", "where answers go; may be repeated").argParser(collect))
    .option("--header <'Name: value'>", "extra header; may be repeated", collect)
    .addOption(setting("--configuration-set <name>", "CONFIGURATION_SET", "SES configuration set"))
    .option("--tag <name=value>", "SES message tag; may be repeated", collect)
    .addOption(setting("--unsubscribe-mailto <address>", "UNSUBSCRIBE_MAILTO", "mail address for List-Unsubscribe"));
  addTrackingOptions(command);
  command
    .addOption(
      setting("--tz <zone>", "TZ", "zone of scheduled times that come without an offset; without it they are refused"),
    )
    .addOption(
      setting(
        "--sns-topic-arn <arn>",
        "SNS_TOPIC_ARN",
        "take in messages of this SNS topic; may be repeated",
      ).argParser(collect),
    )
    .option("--sns-trust <file>", "PEM of a public key whose SNS signatures are good, too (a sandbox's)", collect)
    .addOption(setting("--sns-max-age <duration>", "SNS_MAX_AGE", "older SNS messages are replays").default("90m"));
  addSendingOptions(command)
    .addOption(
      setting("--recipient-cap <n/duration>", "RECIPIENT_CAP", "mails to one address, such as 5/1h; more wait"),
    )
    .option("--sandbox", "send to a local SES: no AWS account needed, mails land in ses-mail-outbox/")
    .addHelpText("after", KEYS)
    .action(
      act<ServeFlags>(async (context, flags) => {
        const { serve } = await import("../work/serve.ts");
        return serve(context, flags);
      }),
    );
};
