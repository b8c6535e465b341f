import { wrappedText } from "./help-layout.ts";
import { Option } from "commander";
import { FAULT_GRAMMAR } from "../sandbox/faults.ts";
import type { SandboxFlags } from "../work/sandbox.ts";
import type { AddCommand } from "./command.ts";
import { addExamples } from "./examples.ts";
import { type Needs, refuseLonely } from "./lonely.ts";
import { collect, parseRate, setting } from "./options.ts";

const FAULTS = `
Faults: ${FAULT_GRAMMAR}
  share is 0.2 or 20%; a bare kind means every call
  example: --fault throttle:0.2 --fault accept-then-drop:every=100`;

const EVENTS = ["--events", "--webhook"];
const NEEDS: Needs = {
  "--event-delay": EVENTS,
  "--event-copies": EVENTS,
  "--event-shuffle": EVENTS,
  "--webhook-key": ["--webhook"],
  "--webhook-sns-topic": ["--webhook"],
  "--webhook-signature": ["--webhook"],
};
const EXAMPLES = {
  "--events": "--events events.ndjson",
  "--webhook": "--webhook http://127.0.0.1:8080/v1/events/results",
};

/** Declares `sandbox`. */
export const addSandbox: AddCommand = (command, act) => {
  command
    .addOption(setting("--port <n>", "SANDBOX_PORT", "port; 0 picks a free one").default("8025"))
    .option("--host <address>", "address to listen on", "127.0.0.1")
    .option("--rate <n>", "recipients per second it accepts", parseRate, 14)
    .option("--quota <n>", "recipients in 24 hours; -1 is unlimited", "50000")
    .option("--latency <duration>", "time each answer takes", "50ms")
    .option("--outbox <dir>", "folder for the mails, as .eml files", "ses-mail-outbox")
    .option("--no-outbox", "keep no mails")
    .option("--events <file>", "write what SES would publish, as SNS messages, one a line")
    .option("--webhook <url>", "POST what SES would publish to this address, signed as SNS does")
    .option(
      "--webhook-key <file>",
      "where the public key of these signatures is written (default: ses-mail-sandbox-sns.pem)",
    )
    .option("--webhook-sns-topic <arn>", "SNS topic that publishes the events")
    .addOption(
      new Option("--webhook-signature <version>", "version of these signatures (default: 2)").choices(["1", "2"]),
    )
    .option("--event-delay <duration>", "publish events this much later", "0ms")
    .option("--event-copies <n>", "publish each event n times", "1")
    .option("--event-shuffle", "publish events out of order")
    .option("--fault <spec>", "fail on purpose; may be repeated", collect)
    .option("--verified <identity>", "only this identity is verified; may be repeated", collect)
    .option("--log <file>", "one JSON line per call")
    .addHelpText("after", wrappedText(FAULTS))
    .action(
      act<SandboxFlags>(async (context, flags) => {
        refuseLonely(command, NEEDS, EXAMPLES);
        const { runSandbox } = await import("../work/sandbox.ts");
        return runSandbox(context, flags);
      }),
    );
  addExamples(command, [
    [
      "ses-mail sandbox --port 8025 --events events.ndjson",
      "then, in another terminal, AWS_ENDPOINT_URL_SESV2=http://127.0.0.1:8025 ses-mail send june.csv",
    ],
    ["ses-mail sandbox --fault throttle:0.2", "throttles every fifth call"],
  ]);
};
