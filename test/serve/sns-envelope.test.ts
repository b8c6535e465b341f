/** The text under the signature, letter for letter, and what is an SNS topic. */
import { describe, expect, it } from "vitest";
import { canonicalText, readSnsMessage } from "../../src/serve/sns/envelope.ts";
import { parseTopicArn, snsHost } from "../../src/serve/sns/topic-arn.ts";

const NOTIFICATION = {
  Type: "Notification",
  MessageId: "22b80b92",
  TopicArn: "arn:aws:sns:us-west-2:123456789012:MyTopic",
  Subject: "My First Message",
  Message: "Hello world!",
  Timestamp: "2012-05-02T00:54:06.655Z",
  SignatureVersion: "1",
  Signature: "EXAMPLE",
  SigningCertURL: "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem",
  UnsubscribeURL: "https://sns.us-west-2.amazonaws.com/?Action=Unsubscribe",
};

const textOf = (envelope: object) => canonicalText(readSnsMessage(envelope as Record<string, unknown>));

describe("the text SNS signs", () => {
  it("of a notification with a subject", () => {
    expect(textOf(NOTIFICATION)).toBe(
      "Message\nHello world!\nMessageId\n22b80b92\nSubject\nMy First Message\nTimestamp\n2012-05-02T00:54:06.655Z\n" +
        "TopicArn\narn:aws:sns:us-west-2:123456789012:MyTopic\nType\nNotification\n",
    );
  });

  it.each([["none"], [null]])("of a notification whose subject is %s", (subject) => {
    const { Subject: _, ...bare } = NOTIFICATION;
    expect(textOf(subject === null ? { ...bare, Subject: null } : bare)).toBe(
      "Message\nHello world!\nMessageId\n22b80b92\nTimestamp\n2012-05-02T00:54:06.655Z\n" +
        "TopicArn\narn:aws:sns:us-west-2:123456789012:MyTopic\nType\nNotification\n",
    );
  });

  it("keeps the line feed at the end of a message, an empty subject, and every letter", () => {
    expect(textOf({ ...NOTIFICATION, Subject: "", Message: '{"to":"안녕 é 😀"}\n' })).toBe(
      'Message\n{"to":"안녕 é 😀"}\n\nMessageId\n22b80b92\nSubject\n\nTimestamp\n2012-05-02T00:54:06.655Z\n' +
        "TopicArn\narn:aws:sns:us-west-2:123456789012:MyTopic\nType\nNotification\n",
    );
  });

  it.each(["SubscriptionConfirmation", "UnsubscribeConfirmation"])("of a %s, without any subject", (Type) => {
    const SubscribeURL = "https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription";
    expect(textOf({ ...NOTIFICATION, Type, Token: "2336412f37", SubscribeURL })).toBe(
      `Message\nHello world!\nMessageId\n22b80b92\nSubscribeURL\n${SubscribeURL}\nTimestamp\n2012-05-02T00:54:06.655Z\n` +
        `Token\n2336412f37\nTopicArn\narn:aws:sns:us-west-2:123456789012:MyTopic\nType\n${Type}\n`,
    );
  });
});

describe("an SNS topic", () => {
  it.each([
    ["arn:aws:sns:us-east-1:123456789012:ses-events", "sns.us-east-1.amazonaws.com"],
    ["arn:aws:sns:ap-northeast-2:123456789012:ses_events", "sns.ap-northeast-2.amazonaws.com"],
    ["arn:aws-cn:sns:cn-north-1:123456789012:e", "sns.cn-north-1.amazonaws.com.cn"],
    ["arn:aws-us-gov:sns:us-gov-west-1:123456789012:e", "sns.us-gov-west-1.amazonaws.com"],
  ])("%s is signed for by %s", (arn, host) => {
    const topic = parseTopicArn(arn);
    expect(topic && snsHost(topic.region)).toBe(host);
  });

  it.each([
    "",
    "ses-events",
    "arn:aws:sqs:us-east-1:123456789012:ses-events",
    "arn:aws:sns:us-east-1:1234:ses-events",
    "arn:aws:sns:us-east-1:123456789012:ses-events.fifo",
    "arn:aws:sns:us-east-1:123456789012:ses-events:861f",
    "arn:aws:sns:s3-us-west-2:123456789012:ses-events",
    "arn:aws:sns:evil.example/?-1:123456789012:ses-events",
    "arn:aws:sns:cn-north-1:123456789012:ses-events",
    "arn:aws-cn:sns:us-east-1:123456789012:ses-events",
    "arn:aws:sns:us-east-1:123456789012:ses-events\n",
    `arn:aws:sns:us-east-1:123456789012:${"e".repeat(257)}`,
  ])("%j is none that SES publishes to", (arn) => {
    expect(parseTopicArn(arn)).toBeNull();
  });
});
