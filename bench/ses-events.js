// Events as SES writes them, about 2 KB each; `at` is ISO 8601.
export const sendEvent = (mail) => ({ eventType: "Send", mail, send: {} });
export const deliveryEvent = (mail, email, at = "2026-03-02T09:00:02.740Z") => ({
  eventType: "Delivery",
  mail,
  delivery: {
    timestamp: at,
    processingTimeMillis: 2740,
    recipients: [email],
    smtpResponse: "250 2.0.0 OK  1740906000 example-gsmtp",
    reportingMTA: "a8-77.smtp-out.amazonses.com",
  },
});

/** The mail with the message id `messageId` of SES, or one made of our own id. */
export function mailOf(
  jobId,
  id,
  email,
  at = "2026-03-02T09:00:00.000Z",
  messageId = `0100019cadc69a80-e882f9d0-8719-4f02-bf30-${String(id).padStart(12, "0")}-000000`,
) {
  return {
    timestamp: at,
    source: "news@example.com",
    sourceArn: "arn:aws:ses:us-east-1:123456789012:identity/example.com",
    sendingAccountId: "123456789012",
    messageId,
    destination: [email],
    headersTruncated: false,
    headers: [
      { name: "From", value: "Example News <news@example.com>" },
      { name: "To", value: email },
      { name: "Subject", value: "March news" },
      { name: "List-Unsubscribe", value: "<https://u.example.com/o/1>" },
      { name: "List-Unsubscribe-Post", value: "List-Unsubscribe=One-Click" },
      { name: "MIME-Version", value: "1.0" },
    ],
    commonHeaders: { from: ["Example News <news@example.com>"], to: [email], messageId, subject: "March news" },
    tags: {
      "ses:operation": ["SendEmail"],
      "ses:configuration-set": ["newsletter"],
      "ses:source-ip": ["192.0.2.10"],
      "ses:from-domain": ["example.com"],
      "ses:caller-identity": ["ses-mailer"],
      "ses-mail-job": [jobId],
      "ses-mail-message": [String(id)],
    },
  };
}

/** The event as SNS would hand it over: about 2.3 KB. `id` makes the notification's own id. */
export function notification(event, id) {
  const host = "https://sns.us-east-1.amazonaws.com";
  const topic = "arn:aws:sns:us-east-1:123456789012:ses-events";
  return {
    Type: "Notification",
    MessageId: `fcfc3882-b356-4246-96f1-${String(id).padStart(12, "0")}`,
    TopicArn: topic,
    Subject: "Amazon SES Email Event Notification",
    Message: `${JSON.stringify(event)}\n`,
    Timestamp: "2026-03-02T10:11:27.306Z",
    SignatureVersion: "1",
    Signature: `${"Ab3/".repeat(85)}Ag==`,
    SigningCertURL: `${host}/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem`,
    UnsubscribeURL: `${host}/?Action=Unsubscribe&SubscriptionArn=${topic}:861f14fa-4803-4c34-bb6c-74bb67524947`,
  };
}
