/** Writes the events that SES publishes (SES developer guide, "Contents of event data"). */
import { ACCOUNT_ID, DEFAULT_CONFIGURATION_SET } from "./account.ts";
import { newMessageId, type AcceptedMail } from "./accepted-mail.ts";
import { bareAddress, domainOf } from "./address.ts";
import type { Mail } from "./mail.ts";

const REPORTING_MTA = "a8-77.smtp-out.amazonses.com";
const MAX_HEADER_BYTES = 10 * 1024;

/** An SES event: the JSON in `Message` of an SNS notification. */
export type PublishedEvent = Record<string, unknown> & { eventType: string };

/** Makes one event about an accepted mail for some of its recipients. `timestamp` is ISO 8601 in UTC. */
export type EventMaker = (recipients: string[], accepted: AcceptedMail, timestamp: string) => PublishedEvent;

/** Send: SES accepted the mail. */
export function sent(accepted: AcceptedMail): PublishedEvent {
  return { eventType: "Send", mail: mailObject(accepted), send: {} };
}

/** Delivery: the recipients' server accepted the mail. */
export function delivery(recipients: string[], accepted: AcceptedMail, at: string): PublishedEvent {
  const mail = mailObject(accepted, { "ses:outgoing-ip": ["192.0.2.77"] });
  const processingTimeMillis = Date.parse(at) - accepted.acceptedAt;
  const smtpResponse = "250 2.0.0 OK ses-mail sandbox";
  return {
    eventType: "Delivery",
    mail,
    delivery: { timestamp: at, processingTimeMillis, recipients, smtpResponse, reportingMTA: REPORTING_MTA },
  };
}

/** Makes bounces of one type. Null leaves `status` and `action`, or the diagnostic code, out. */
export function bounce(
  bounceType: string,
  bounceSubType: string,
  status: string | null,
  diagnosticCode: string | null,
): EventMaker {
  return (recipients, accepted, timestamp) => ({
    eventType: "Bounce",
    bounce: {
      feedbackId: newMessageId(Date.parse(timestamp)),
      bounceType,
      bounceSubType,
      bouncedRecipients: recipients.map((emailAddress) => ({
        emailAddress,
        ...(status === null ? {} : { action: "failed", status }),
        ...(diagnosticCode === null ? {} : { diagnosticCode }),
      })),
      timestamp,
      reportingMTA: `dsn; ${REPORTING_MTA}`,
    },
    mail: mailObject(accepted),
  });
}

/** Complaint: the recipients call the mail spam. */
export function complaint(recipients: string[], accepted: AcceptedMail, timestamp: string): PublishedEvent {
  return {
    eventType: "Complaint",
    complaint: {
      feedbackId: newMessageId(Date.parse(timestamp)),
      complaintSubType: null,
      complainedRecipients: recipients.map((emailAddress) => ({ emailAddress })),
      timestamp,
      userAgent: "Amazon SES Mailbox Simulator",
      complaintFeedbackType: "abuse",
      arrivalDate: timestamp,
    },
    mail: mailObject(accepted),
  };
}

/** Reject: SES found something bad in the mail and did not send it. */
export function reject(_: string[], accepted: AcceptedMail): PublishedEvent {
  return { eventType: "Reject", mail: mailObject(accepted), reject: { reason: "Bad content" } };
}

/** Open, by an image proxy. */
export function open(_: string[], accepted: AcceptedMail, timestamp: string): PublishedEvent {
  const userAgent = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)";
  return { eventType: "Open", mail: mailObject(accepted), open: { timestamp, userAgent, ipAddress: "198.51.100.7" } };
}

/** Click: on the first http or https link of the HTML, else on a made-up one. */
export function click(_: string[], accepted: AcceptedMail, timestamp: string): PublishedEvent {
  const link = /href="(https?:[^"]+)"/.exec(accepted.mail.html ?? "")?.[1] ?? "https://www.example.com/";
  const userAgent = "Mozilla/5.0 (X11; Linux x86_64)";
  return {
    eventType: "Click",
    mail: mailObject(accepted),
    click: { timestamp, ipAddress: "198.51.100.8", userAgent, link, linkTags: null },
  };
}

/** Subscription: the recipient left all topics of a contact list. */
export function unsubscribe(_: string[], accepted: AcceptedMail, timestamp: string): PublishedEvent {
  const preferences = (unsubscribeAll: boolean, subscriptionStatus: string) => ({
    unsubscribeAll,
    topicSubscriptionStatus: [{ topicName: "news", subscriptionStatus }],
  });
  return {
    eventType: "Subscription",
    mail: mailObject(accepted),
    subscription: {
      contactList: "main",
      timestamp,
      source: "UnsubscribeHeader",
      newTopicPreferences: preferences(true, "OptOut"),
      oldTopicPreferences: preferences(false, "OptIn"),
    },
  };
}

/** DeliveryDelay: the recipients' mailbox is full. */
export function deliveryDelay(recipients: string[], accepted: AcceptedMail, timestamp: string): PublishedEvent {
  const [status, diagnosticCode] = ["4.2.2", "smtp; 452 4.2.2 mailbox full"];
  return {
    eventType: "DeliveryDelay",
    mail: withoutHeaders(accepted),
    deliveryDelay: {
      timestamp,
      delayType: "MailboxFull",
      expirationTime: new Date(accepted.acceptedAt + 14 * 60 * 60 * 1000).toISOString(),
      delayedRecipients: recipients.map((emailAddress) => ({ emailAddress, status, diagnosticCode })),
      reportingMTA: REPORTING_MTA,
    },
  };
}

/** Rendering Failure: the template could not be filled. */
export function renderingFailure(_: string[], accepted: AcceptedMail): PublishedEvent {
  const failure = accepted.mail.renderingFailure ?? {
    errorMessage: "Attribute 'name' is not present in the rendering data.",
    templateName: "inline",
  };
  return { eventType: "Rendering Failure", mail: withoutHeaders(accepted), failure };
}

/** The `mail` object without headers, as Rendering Failure and DeliveryDelay have it. */
function withoutHeaders({ mail, messageId, acceptedAt, region, sourceIp }: AcceptedMail, moreTags: object = {}) {
  const source = bareAddress(mail.from);
  const tags: Record<string, string[]> = {
    "ses:operation": [mail.operation],
    "ses:configuration-set": [mail.configurationSet ?? DEFAULT_CONFIGURATION_SET],
    "ses:source-ip": [sourceIp],
    "ses:from-domain": [domainOf(source)],
    "ses:caller-identity": ["ses-mail-sandbox"],
  };
  for (const { name, value } of mail.tags) tags[name] = [...(tags[name] ?? []), value];
  return {
    timestamp: new Date(acceptedAt).toISOString(),
    source,
    sourceArn: `arn:aws:ses:${region}:${ACCOUNT_ID}:identity/${domainOf(source)}`,
    sendingAccountId: ACCOUNT_ID,
    messageId,
    destination: mail.recipients,
    headersTruncated: false,
    tags: { ...tags, ...moreTags },
  };
}

function mailObject(accepted: AcceptedMail, moreTags: object = {}) {
  const { mail, messageId } = accepted;
  const base = withoutHeaders(accepted, moreTags);
  const all = headersOf(mail);
  const headers = fitting(all);
  const cc = mail.cc.length > 0 ? { cc: mail.cc } : {};
  const commonHeaders = { from: [mail.from], to: mail.to, ...cc, messageId, subject: mail.subject };
  return { ...base, headersTruncated: headers.length < all.length, headers, commonHeaders };
}

function headersOf(mail: Mail): { name: string; value: string }[] {
  if (mail.raw) return mail.headers;
  return [
    { name: "From", value: mail.from },
    ...(mail.to.length > 0 ? [{ name: "To", value: mail.to.join(", ") }] : []),
    ...(mail.cc.length > 0 ? [{ name: "Cc", value: mail.cc.join(", ") }] : []),
    ...(mail.replyTo.length > 0 ? [{ name: "Reply-To", value: mail.replyTo.join(", ") }] : []),
    { name: "Subject", value: mail.subject },
    ...mail.headers,
    { name: "MIME-Version", value: "1.0" },
    { name: "Content-Type", value: contentTypeOf(mail) },
  ];
}

function contentTypeOf(mail: Mail): string {
  if (mail.attachments.some(({ inline }) => !inline)) return "multipart/mixed";
  if (mail.attachments.length > 0) return "multipart/related";
  if (mail.html === null) return "text/plain; charset=UTF-8";
  return mail.text === null ? "text/html; charset=UTF-8" : "multipart/alternative";
}

/** SES reports at most 10 KB of headers. */
function fitting<T extends { name: string; value: string }>(headers: T[]): T[] {
  let size = 0;
  const end = headers.findIndex((header) => (size += header.name.length + header.value.length + 4) > MAX_HEADER_BYTES);
  return end < 0 ? headers : headers.slice(0, end);
}
