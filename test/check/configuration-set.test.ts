import { expect, test } from "vitest";
import { configurationSetFindings, eventFindings, noConfigurationSet } from "../../src/check/configuration-set.ts";
import type { ConfigurationSet, EventDestination } from "../../src/aws/ses-reader.ts";
import { only, troubles } from "./troubles.ts";

const SET: ConfigurationSet = {
  sendingEnabled: true,
  reputationMetrics: true,
  suppressedReasons: ["BOUNCE", "COMPLAINT"],
};
const ALL = ["SEND", "REJECT", "BOUNCE", "COMPLAINT", "DELIVERY"];
const SNS: EventDestination = {
  name: "events",
  enabled: true,
  types: ALL,
  target: { kind: "SnsDestination", settings: { TopicArn: "arn:aws:sns:eu-west-1:123456789012:ses" } },
};
const CLOUDWATCH: EventDestination = {
  ...SNS,
  name: "metrics",
  target: { kind: "CloudWatchDestination", settings: { DimensionConfigurations: [] } },
};

test.each<[string, Partial<ConfigurationSet>, string[] | null, string[]]>([
  ["sending switched off", { sendingEnabled: false }, null, ["error configuration-set.sending"]],
  ["no metrics", { reputationMetrics: false }, null, ["info configuration-set.reputation"]],
  ["suppression off", { suppressedReasons: [] }, ["BOUNCE", "COMPLAINT"], ["warning configuration-set.suppression"]],
  ["complaints not suppressed", { suppressedReasons: ["BOUNCE"] }, null, ["warning configuration-set.suppression"]],
  [
    "the account's, which suppresses nothing",
    { suppressedReasons: null },
    [],
    ["warning configuration-set.suppression"],
  ],
  ["the account's, which is not known", { suppressedReasons: null }, null, []],
  ["all well", {}, [], []],
])("%s", (_name, changes, ofAccount, expected) => {
  expect(troubles(configurationSetFindings("cs", false, { ...SET, ...changes }, ofAccount))).toEqual(expected);
});

/** What stands after `--event-destination` of the suggested command. */
function definitionIn(hint: string | null): unknown {
  return JSON.parse(/--event-destination '(.*)'/.exec(hint ?? "")?.[1] ?? "null");
}

test("no configuration set: the commands that make one", () => {
  const { severity, hint } = noConfigurationSet("eu-west-1");
  expect(severity).toBe("warning");
  expect(hint).toContain("create-configuration-set --configuration-set-name ses-mail");
  expect(definitionIn(hint)).toMatchObject({
    SnsDestination: { TopicArn: "arn:aws:sns:eu-west-1:<account>:ses-events" },
  });
});

test("no destination at all", () => {
  const findings = eventFindings("cs", [], null);
  expect(troubles(findings)).toEqual(["warning configuration-set.events"]);
  const { hint } = only(findings, "configuration-set.events");
  expect(hint).toContain("create-configuration-set-event-destination --configuration-set-name cs ");
  expect(definitionIn(hint)).toMatchObject({ Enabled: true, MatchingEventTypes: expect.arrayContaining(ALL) });
});

test("CloudWatch only counts: nobody learns who bounced", () => {
  const { severity, message, hint } = only(eventFindings("cs", [CLOUDWATCH], null), "configuration-set.events");
  expect([severity, message]).toEqual(["warning", expect.stringContaining("metrics (CloudWatch) only")]);
  expect(hint).toContain("create-");
});

test("missing types are named, and the update keeps what is there", () => {
  const partial = { ...SNS, types: ["SEND", "OPEN"] };
  const { message, hint } = only(eventFindings("cs", [CLOUDWATCH, partial], null), "configuration-set.events");
  expect(message).toBe("DELIVERY, BOUNCE, COMPLAINT, REJECT events do not reach events");
  expect(hint).toContain(
    "update-configuration-set-event-destination --configuration-set-name cs --event-destination-name events ",
  );
  expect(definitionIn(hint)).toEqual({
    Enabled: true,
    MatchingEventTypes: ["SEND", "OPEN", "DELIVERY", "BOUNCE", "COMPLAINT", "REJECT"],
    SnsDestination: { TopicArn: "arn:aws:sns:eu-west-1:123456789012:ses" },
  });
});

test("a destination that is switched off", () => {
  const { message, hint } = only(eventFindings("cs", [{ ...SNS, enabled: false }], null), "configuration-set.events");
  expect(message).toContain("events is switched off");
  expect(definitionIn(hint)).toMatchObject({ Enabled: true });
});

test("two destinations together may carry everything", () => {
  const bounces = { ...SNS, name: "bounces", types: ["BOUNCE", "COMPLAINT"] };
  const rest: EventDestination = {
    ...SNS,
    types: ["SEND", "DELIVERY", "REJECT"],
    target: { kind: "EventBridgeDestination", settings: { EventBusArn: "arn" } },
  };
  const findings = eventFindings("cs", [bounces, rest], null);
  expect(troubles(findings)).toEqual([]);
  expect(only(findings, "configuration-set.events").message).toBe("events go to bounces (SNS), events (EventBridge)");
});
