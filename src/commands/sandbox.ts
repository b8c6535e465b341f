import { Option } from "commander";
import { FAULT_GRAMMAR } from "../sandbox/faults.ts";
import type { SandboxFlags } from "../work/sandbox.ts";
import type { AddCommand } from "./command.ts";
import { collect, parseRate, setting } from "./options.ts";

const FAULTS = `
Faults: ${FAULT_GRAMMAR}
  share is 0.2 or 20%; a kind without a share means every call
  example: --fault throttle:0.2 --fault accept-then-drop:every=100`;

/** Declares `sandbox`. */
export const addSandbox: AddCommand = (program, act) => {
  program
    .command("sandbox")
    .description("run a local SES to develop and rehearse against; no AWS account needed")
    .addOption(setting("--port <n>", "SANDBOX_PORT", "port to listen on; 0 picks a free one").default("8025"))
    .option("--host <address>", "address to listen on", "127.0.0.1")
    .option("--rate <n>", "recipients per second that it accepts", parseRate, 14)
    .option("--quota <n>", "recipients in 24 hours; -1: unlimited", "50000")
    .option("--latency <duration>", "how long each answer takes", "50ms")
    .option("--outbox <dir>", "folder for the mails, written as .eml files", "ses-mail-outbox")
    .option("--no-outbox", "keep no mails")
    .option("--events <file>", "write the events that SES would publish to this file, one SNS message per line")
    .option("--webhook <url>", "POST these events to this URL, signed as SNS signs them")
    .option(
      "--webhook-key <file>",
      "where to write the public key of these signatures (default: ses-mail-sandbox-sns.pem)",
    )
    .option("--webhook-sns-topic <arn>", "ARN of the SNS topic that publishes the events")
    .addOption(
      new Option("--webhook-signature <version>", "version of these signatures (default: 2)").choices(["1", "2"]),
    )
    .option("--event-delay <duration>", "publish events this much later", "0ms")
    .option("--event-copies <n>", "publish each event n times", "1")
    .option("--event-shuffle", "publish events out of order")
    .option("--fault <spec>", "fail on purpose; may be repeated", collect)
    .option("--verified <identity>", "identity that counts as verified (default: all); may be repeated", collect)
    .option("--log <file>", "write one JSON line per call to this file")
    .addHelpText("after", FAULTS)
    .action(
      act<SandboxFlags>(async (context, flags) => {
        const { runSandbox } = await import("../work/sandbox.ts");
        return runSandbox(context, flags);
      }),
    );
};
