/** Checks the configuration set: will we hear what becomes of a mail? */
import type { ConfigurationSet, EventDestination } from "../aws/ses-reader.ts";
import { type Finding, finding } from "./finding.ts";

/** The event types `ingest-events` needs to know what became of a mail. */
const NEEDED = ["SEND", "DELIVERY", "BOUNCE", "COMPLAINT", "REJECT"];

/**
 * Targets that whole events can be read from. CloudWatch gets only counts, and Pinpoint keeps events to itself (SES
 * developer guide, "Set up event destinations").
 */
const READABLE = new Set(["SnsDestination", "EventBridgeDestination", "KinesisFirehoseDestination"]);

/**
 * The finding when there is no configuration set at all. `region` is for the commands it shows; null shows a
 * placeholder.
 */
export function noConfigurationSet(region: string | null): Finding {
  return finding(
    "warning",
    "configuration-set.exists",
    "no configuration set: deliveries, bounces and complaints will not come back as events",
    [
      "aws sesv2 create-configuration-set --configuration-set-name ses-mail",
      createCommand("ses-mail", region),
      "then send with --configuration-set ses-mail",
    ].join("\n"),
  );
}

/**
 * The findings about a set that exists. `isDefault`: the mail names no set, and this is the sender's default.
 * `accountSuppresses`: the reasons of the account, which apply when the set has none of its own; null when they could
 * not be read.
 */
export function configurationSetFindings(
  name: string,
  isDefault: boolean,
  set: ConfigurationSet,
  accountSuppresses: string[] | null,
): Finding[] {
  const exists = isDefault ? `${name} is used, the sender's default` : `${name} exists`;
  return [
    finding("ok", "configuration-set.exists", exists),
    sending(name, set),
    reputation(name, set),
    ...suppression(name, set, accountSuppresses),
  ];
}

function sending(name: string, { sendingEnabled }: ConfigurationSet): Finding {
  const check = "configuration-set.sending";
  if (sendingEnabled) return finding("ok", check, "sending is enabled");
  return finding(
    "error",
    check,
    `sending is switched off for ${name}`,
    `aws sesv2 put-configuration-set-sending-options --configuration-set-name ${name} --sending-enabled`,
  );
}

function reputation(name: string, { reputationMetrics }: ConfigurationSet): Finding {
  const check = "configuration-set.reputation";
  if (reputationMetrics) return finding("ok", check, "reputation metrics are kept");
  return finding(
    "info",
    check,
    `${name} keeps no bounce and complaint rates of its own`,
    `aws sesv2 put-configuration-set-reputation-options --configuration-set-name ${name} --reputation-metrics-enabled`,
  );
}

function suppression(name: string, set: ConfigurationSet, ofAccount: string[] | null): Finding[] {
  const check = "configuration-set.suppression";
  const reasons = set.suppressedReasons ?? ofAccount;
  if (reasons === null) return [];
  const missing = ["BOUNCE", "COMPLAINT"].filter((reason) => !reasons.includes(reason));
  if (missing.length === 0) return [finding("ok", check, "SES suppresses addresses that bounced or complained")];
  return [
    finding(
      "warning",
      check,
      `SES does not suppress addresses after ${missing.join(" and ")}`,
      `aws sesv2 put-configuration-set-suppression-options --configuration-set-name ${name} --suppressed-reasons BOUNCE COMPLAINT`,
    ),
  ];
}

/** Says whether the events that matter go to a place we can read, and if not, which command makes it so. */
export function eventFindings(name: string, destinations: EventDestination[], region: string | null): Finding[] {
  const check = "configuration-set.events";
  const readable = destinations.filter(({ target }) => target !== null && READABLE.has(target.kind));
  const working = readable.filter(({ enabled }) => enabled);
  const missing = NEEDED.filter((type) => !working.some(({ types }) => types.includes(type)));
  if (missing.length === 0) {
    const where = working.map(({ name: each, target }) => `${each} (${placeOf(target)})`);
    return [finding("ok", check, `events go to ${where.join(", ")}`)];
  }
  const [first] = working.length > 0 ? working : readable;
  if (first) {
    const state = working.length > 0 ? `do not reach ${first.name}` : `do not come: ${first.name} is switched off`;
    return [finding("warning", check, `${missing.join(", ")} events ${state}`, updateCommand(name, first))];
  }
  return [finding("warning", check, noneMessage(name, destinations), createCommand(name, region))];
}

function noneMessage(name: string, destinations: EventDestination[]): string {
  const [other] = destinations;
  if (!other) return `${name} has no event destination: deliveries, bounces and complaints will not come back`;
  return `events go to ${other.name} (${placeOf(other.target)}) only, which cannot be read back: bounces and complaints will not come back`;
}

const PLACES: Record<string, string> = {
  SnsDestination: "SNS",
  EventBridgeDestination: "EventBridge",
  KinesisFirehoseDestination: "Firehose",
  CloudWatchDestination: "CloudWatch",
  PinpointDestination: "Pinpoint",
};

function placeOf(target: EventDestination["target"]): string {
  return PLACES[target?.kind ?? ""] ?? "a place unknown to ses-mail";
}

function createCommand(name: string, region: string | null): string {
  const topic = `arn:aws:sns:${region ?? "<region>"}:<account>:ses-events`;
  const definition = { Enabled: true, MatchingEventTypes: NEEDED, SnsDestination: { TopicArn: topic } };
  return `aws sesv2 create-configuration-set-event-destination --configuration-set-name ${name} --event-destination-name ses-mail --event-destination '${JSON.stringify(definition)}'`;
}

/** The API replaces the whole destination, so its own types and settings are given again. */
function updateCommand(name: string, { name: destination, types, target }: EventDestination): string {
  const definition = {
    Enabled: true,
    MatchingEventTypes: [...new Set([...types, ...NEEDED])],
    ...(target && { [target.kind]: target.settings }),
  };
  return `aws sesv2 update-configuration-set-event-destination --configuration-set-name ${name} --event-destination-name ${destination} --event-destination '${JSON.stringify(definition)}'`;
}
