/**
 * Writes the body of a SendEmail request with `JSON.stringify`. The SDK's own serialiser goes through the HTML
 * character by character, which takes a fifth of the processor time of a call and makes most of its garbage. The SDK
 * does everything else. A test holds the two bodies equal.
 *
 * Attachments never become part of a longer string: if that held a character beyond Latin-1, it would take two bytes a
 * character, and each step of the call would copy it.
 */
import { randomUUID } from "node:crypto";
import type { SendEmailCommandInput, SESv2Client } from "@aws-sdk/client-sesv2";
import type { RenderedMail, Tag } from "../message.ts";

const bodies = new WeakMap<object, string | Buffer>();

/**
 * The input of a SendEmailCommand that sends `mail` with `tags` added to its own. It works only with a client passed to
 * `useOwnBodies`.
 */
export function inputOf(mail: RenderedMail, tags: readonly Tag[], endpointId?: string): SendEmailCommandInput {
  const endpoint = endpointId !== undefined && { EndpointId: endpointId };
  const input: SendEmailCommandInput = { Content: {}, ...endpoint };
  bodies.set(
    input,
    bodyOf(mail, (each) => ({ ...requestOf(each, tags), ...endpoint })),
  );
  return input;
}

function bodyOf(mail: RenderedMail, request: (mail: RenderedMail) => object): string | Buffer {
  if (mail.attachments.length === 0) return JSON.stringify(request(mail));
  const gap = `gap-${randomUUID()}`;
  const hollow = mail.attachments.map((file) => ({ ...file, data: gap }));
  const pieces = JSON.stringify(request({ ...mail, attachments: hollow })).split(gap);
  const files = mail.attachments.map(({ data }) => data);
  const bytes = [...pieces, ...files].reduce((sum, part) => sum + Buffer.byteLength(part), 0);
  const body = Buffer.allocUnsafeSlow(bytes);
  let at = 0;
  pieces.forEach((piece, index) => {
    at += body.write(piece, at);
    at += body.write(files[index] ?? "", at, "latin1");
  });
  return body;
}

/** Makes `client` send the bodies that `inputOf` wrote. Call it once for each client. */
export function useOwnBodies(client: SESv2Client): void {
  client.middlewareStack.add(
    (next) => (args) => {
      const body = bodies.get(args.input);
      if (body !== undefined) {
        const request = args.request as { body: unknown; headers: Record<string, string> };
        request.body = body;
        request.headers["content-length"] = String(Buffer.byteLength(body));
      }
      return next(args);
    },
    // After the SDK's serialiser, and before the body is signed.
    { step: "build", priority: "high", name: "sesMailBody" },
  );
}

/**
 * The JSON members of the request as SES receives them: those of SendEmailCommandInput (SES API, SendEmail), with files
 * in base64.
 */
export function requestOf(mail: RenderedMail, tags: readonly Tag[]) {
  const data = (text: string) => ({ Data: text, Charset: "UTF-8" });
  return {
    FromEmailAddress: mail.from,
    Destination: { ToAddresses: [mail.to] },
    ...(mail.replyTo.length > 0 && { ReplyToAddresses: mail.replyTo }),
    Content: {
      Simple: {
        Subject: data(mail.subject),
        Body: { Html: data(mail.html), Text: data(mail.text) },
        Headers: mail.headers.map(({ name, value }) => ({ Name: name, Value: value })),
        ...(mail.attachments.length > 0 && {
          Attachments: mail.attachments.map((file) => ({
            FileName: file.fileName,
            ContentType: file.contentType,
            ContentDisposition: file.contentId === undefined ? ("ATTACHMENT" as const) : ("INLINE" as const),
            ...(file.contentId !== undefined && { ContentId: file.contentId }),
            ContentTransferEncoding: "BASE64" as const,
            RawContent: file.data,
          })),
        }),
      },
    },
    EmailTags: [...mail.tags, ...tags].map(({ name, value }) => ({ Name: name, Value: value })),
    ...(mail.configurationSet && { ConfigurationSetName: mail.configurationSet }),
    ...(mail.tenant !== undefined && { TenantName: mail.tenant }),
  };
}
