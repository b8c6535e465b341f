/** Events as SES writes them (structure of the developer guide, values invented), and what carries them. */
import { gzipSync } from "node:zlib";

export type Json = Record<string, unknown>;

export interface MailOptions {
  to?: string[];
  /** Different for every mail of a test. */
  id?: number;
  job?: string;
  /** True: it went to the sandbox of a rehearsal. */
  rehearsal?: boolean;
  legacy?: boolean;
  headers?: boolean;
}

export function sesId(id: number): string {
  return `0100019cadc69a80-e882f9d0-8719-4f02-bf30-${String(id).padStart(12, "0")}-000000`;
}

export function mail({
  to = ["ann@example.net"],
  id = 1,
  job,
  rehearsal = false,
  legacy = false,
  headers = true,
}: MailOptions = {}): Json {
  const own = {
    ...(job !== undefined && { "ses-mail-job": [job], "ses-mail-message": [String(id)] }),
    ...(rehearsal && { "ses-mail-rehearsal": ["1"] }),
  };
  return {
    timestamp: "2026-03-02T09:00:00.000Z",
    source: "news@example.com",
    sourceArn: "arn:aws:ses:us-east-1:123456789012:identity/example.com",
    sendingAccountId: "123456789012",
    messageId: sesId(id),
    destination: to,
    headersTruncated: false,
    ...(headers && {
      headers: [
        { name: "From", value: "Example News <news@example.com>" },
        { name: "To", value: to.join(", ") },
        // Brackets, quotes and line ends in values must not be taken for structure.
        { name: "Subject", value: 'March {news} "№1" } \\ 안녕\n{' },
        { name: "List-Unsubscribe-Post", value: "List-Unsubscribe=One-Click" },
      ],
      commonHeaders: { from: ["news@example.com"], to, messageId: sesId(id), subject: "March news" },
    }),
    ...(legacy
      ? { sourceIp: "192.0.2.10", callerIdentity: "ses-mailer" }
      : { tags: { "ses:operation": ["SendEmail"], "ses:from-domain": ["example.com"], campaign: ["spring"], ...own } }),
  };
}

export const AT = "2026-03-02T09:00:15.183Z";

export function bounce(
  bounceType: string,
  bounceSubType: string,
  options: MailOptions = {},
  recipient: Json = {},
): Json {
  const { to = ["ann@example.net"], id = 1, legacy = false } = options;
  return {
    [legacy ? "notificationType" : "eventType"]: "Bounce",
    bounce: {
      feedbackId: `feedback-${id}`,
      bounceType,
      bounceSubType,
      bouncedRecipients: to.map((emailAddress) => ({ emailAddress, ...recipient })),
      timestamp: AT,
      reportingMTA: "dsn; a8-77.smtp-out.amazonses.com",
    },
    mail: mail(options),
  };
}

export function complaint(options: MailOptions = {}, fields: Json = {}): Json {
  const { to = ["ann@example.net"], id = 1, legacy = false } = options;
  return {
    [legacy ? "notificationType" : "eventType"]: "Complaint",
    complaint: {
      feedbackId: `feedback-${id}`,
      complaintSubType: null,
      complainedRecipients: to.map((emailAddress) => ({ emailAddress })),
      timestamp: AT,
      userAgent: "Example-FBL/1.0",
      complaintFeedbackType: "abuse",
      arrivalDate: AT,
      ...fields,
    },
    mail: mail(options),
  };
}

export function simple(eventType: string, member: string, detail: Json, options: MailOptions = {}): Json {
  return { eventType, mail: mail(options), [member]: detail };
}

export function delivery(options: MailOptions = {}): Json {
  const { to = ["ann@example.net"], legacy = false } = options;
  return {
    [legacy ? "notificationType" : "eventType"]: "Delivery",
    mail: mail(options),
    delivery: { timestamp: AT, processingTimeMillis: 576, recipients: to, smtpResponse: "250 2.0.0 OK" },
  };
}

export function subscription(unsubscribeAll: boolean, options: MailOptions = {}): Json {
  const preferences = (all: boolean) => ({
    unsubscribeAll: all,
    topicSubscriptionStatus: [{ topicName: "news", subscriptionStatus: all ? "OptOut" : "OptIn" }],
  });
  const detail = { contactList: "main", timestamp: AT, source: "UnsubscribeHeader" };
  const change = { newTopicPreferences: preferences(unsubscribeAll), oldTopicPreferences: preferences(false) };
  return simple("Subscription", "subscription", { ...detail, ...change }, options);
}

export function open(options: MailOptions = {}): Json {
  const userAgent = "Mozilla/5.0 (Windows NT 5.1) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)";
  return simple("Open", "open", { timestamp: AT, userAgent, ipAddress: "198.51.100.7" }, options);
}

export function click(options: MailOptions = {}): Json {
  const detail = {
    ipAddress: "198.51.100.8",
    userAgent: "Mozilla/5.0 (X11; Linux x86_64)",
    linkTags: { pos: ["top"] },
  };
  return simple("Click", "click", { timestamp: AT, link: "https://example.com/?x={1}", ...detail }, options);
}

export function renderingFailure(options: MailOptions = {}): Json {
  const failure = { errorMessage: "Attribute 'first_name' is not present.", templateName: "spring" };
  return simple("Rendering Failure", "failure", failure, { ...options, headers: false });
}

export function deliveryDelay(options: MailOptions = {}): Json {
  const { to = ["ann@example.net"] } = options;
  const why = { status: "4.2.2", diagnosticCode: "smtp; 452 4.2.2 mailbox full" };
  const delayedRecipients = to.map((emailAddress) => ({ emailAddress, ...why }));
  const detail = { timestamp: AT, delayType: "MailboxFull", expirationTime: "2026-03-02T23:00:49.320Z" };
  return simple("DeliveryDelay", "deliveryDelay", { ...detail, delayedRecipients }, { ...options, headers: false });
}

/** One of each type, each of a mail of its own. */
export function oneOfEach(): Json[] {
  const failed = { action: "failed", status: "5.1.1", diagnosticCode: "smtp; 550 5.1.1 no such user" };
  const makers: ((options: MailOptions) => Json)[] = [
    (options) => simple("Send", "send", {}, options),
    delivery,
    (options) => bounce("Permanent", "General", options, failed),
    (options) => bounce("Transient", "MailboxFull", options),
    complaint,
    (options) => simple("Reject", "reject", { reason: "Bad content" }, options),
    open,
    click,
    renderingFailure,
    deliveryDelay,
    (options) => subscription(true, options),
    (options) => delivery({ ...options, legacy: true }),
    (options) => bounce("Permanent", "General", { ...options, legacy: true }, failed),
    (options) => complaint({ ...options, legacy: true }),
  ];
  return makers.map((make, index) => make({ id: index + 1, to: [`user${index + 1}@example.net`], job: "4f2a" }));
}

/** Event publishing ends the Message with a line feed; legacy notifications do not. */
export function sns(event: unknown): Json {
  const text = typeof event === "string" ? event : `${JSON.stringify(event)}\n`;
  const host = "https://sns.us-east-1.amazonaws.com";
  return {
    Type: "Notification",
    MessageId: "fcfc3882-b356-4246-96f1-e74722dd1a7a",
    TopicArn: "arn:aws:sns:us-east-1:123456789012:ses-events",
    Subject: "Amazon SES Email Event Notification",
    Message: text,
    Timestamp: "2026-03-02T10:11:27.306Z",
    SignatureVersion: "1",
    Signature: "97+vVlgF7QTagM1FDbpgcc5fZhqcJu7KOQcacXSiMz6SaKL52dAkZysgcTLejskBzOaWzM5QCJ4hFmo85MLZ3==".repeat(4),
    SigningCertURL: `${host}/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem`,
    UnsubscribeURL: `${host}/?Action=Unsubscribe&SubscriptionArn=arn:aws:sns:us-east-1:123456789012:ses-events:861f`,
  };
}

export function subscriptionConfirmation(): Json {
  const { Type: _, UnsubscribeURL: __, ...rest } = sns("You have chosen to subscribe to the topic.");
  return {
    Type: "SubscriptionConfirmation",
    Token: "917b",
    SubscribeURL: "https://sns.us-east-1.amazonaws.com/",
    ...rest,
  };
}

export function sqsMessage(body: unknown): Json {
  const id = { MessageId: "m-1", ReceiptHandle: "AQEB==", MD5OfBody: "0cc175b9c0f1b6a831c399e269772661" };
  return { ...id, Body: JSON.stringify(body) };
}

export function eventBridge(event: unknown): Json {
  const envelope = { version: "0", id: "4d23d83d-2774-48e1-b518-c6812926919b", "detail-type": "Email Sent" };
  const rest = { source: "aws.ses", account: "123456789012", time: "2026-03-02T09:01:33Z", region: "us-east-1" };
  return { ...envelope, ...rest, resources: ["arn:aws:ses:us-east-1:123456789012:configuration-set/n"], detail: event };
}

export function lambdaSns(event: unknown): Json {
  const { SigningCertURL, UnsubscribeURL, ...message } = sns(event);
  const Sns = { ...message, Subject: null, SigningCertUrl: SigningCertURL, UnsubscribeUrl: UnsubscribeURL };
  return { EventSource: "aws:sns", EventVersion: "1.0", EventSubscriptionArn: "arn:aws:sns:us-east-1:1:s", Sns };
}

export function lambdaSqs(body: unknown): Json {
  const record = { messageId: "m-1", receiptHandle: "AQEB==", body: JSON.stringify(body), attributes: {} };
  return { ...record, md5OfBody: "0cc1", eventSource: "aws:sqs", eventSourceARN: "arn:aws:sqs:us-east-1:1:q" };
}

export function firehoseRecord(event: unknown): Json {
  return { recordId: "4954", approximateArrivalTimestamp: 1, data: base64(`${JSON.stringify(event)}\n`) };
}

export function awslogs(messages: readonly string[]): Json {
  const logEvents = messages.map((message, index) => ({ id: String(index), timestamp: 1_772_442_000_000, message }));
  const logs = {
    messageType: "DATA_MESSAGE",
    owner: "1",
    logGroup: "g",
    logStream: "s",
    subscriptionFilters: [],
    logEvents,
  };
  return { awslogs: { data: gzipSync(JSON.stringify(logs)).toString("base64") } };
}

export function filterLogEvents(messages: readonly string[]): Json {
  const events = messages.map((message, index) => ({
    logStreamName: "stream",
    timestamp: 1_772_442_000_000,
    message,
    ingestionTime: 1_772_442_000_001,
    eventId: String(index),
  }));
  return { events, searchedLogStreams: [{ logStreamName: "stream", searchedCompletely: true }] };
}

export function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

export function compact(values: readonly unknown[], separator: string): string {
  return values.map((value) => JSON.stringify(value)).join(separator);
}

export function pretty(value: unknown): string {
  return JSON.stringify(value, null, 4);
}
