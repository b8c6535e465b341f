/** Reads raw MIME messages as SES does. */
import addressparser from "nodemailer/lib/addressparser";

import type { NameValue } from "./mail-rules.ts";

/** What SES reads from a raw MIME message, and the message without the lines that SES removes. */
export interface RawMail {
  from: string | null;
  to: string[];
  cc: string[];
  /** Bare addresses of To, Cc and Bcc. */
  recipients: string[];
  subject: string;
  headers: NameValue[];
  /** From the header `X-SES-MESSAGE-TAGS: name=value, name=value`. */
  tags: NameValue[];
  configurationSet: string | null;
  /** Without Date, Message-ID, Bcc, Return-Path and X-SES-*. SES writes the first two anew and drops the others. */
  message: Buffer;
}

const REMOVED = /^(?:date|message-id|bcc|return-path|x-ses-.*)$/i;

/**
 * Reads the headers of an RFC 5322 message. Lines before the first empty one that are no header are skipped. Never
 * throws.
 */
export function readRawMail(message: Buffer): RawMail {
  const text = message.toString("latin1");
  const end = /\r?\n\r?\n/.exec(text);
  const block = end ? text.slice(0, end.index) : text;
  const fields = block.split(/\r?\n(?![ \t])/).filter((field) => /^[!-9;-~]+:/.test(field));
  const headers = fields.map(readField);
  const value = (name: string) => headers.find((header) => header.name.toLowerCase() === name)?.value ?? null;
  const kept = fields.filter((_, index) => !REMOVED.test(headers[index]!.name));
  const body = end ? message.subarray(end.index + end[0].length) : Buffer.alloc(0);
  const to = mailboxes(value("to"));
  const cc = mailboxes(value("cc"));
  return {
    from: value("from"),
    to,
    cc,
    recipients: [...to, ...cc, ...mailboxes(value("bcc"))],
    subject: value("subject") ?? "",
    headers: headers.filter((header) => !REMOVED.test(header.name)),
    tags: readTagList(value("x-ses-message-tags")),
    configurationSet: value("x-ses-configuration-set"),
    message: Buffer.concat([Buffer.from(`${kept.join("\r\n")}\r\n\r\n`, "latin1"), body]),
  };
}

function readField(field: string): NameValue {
  const colon = field.indexOf(":");
  return {
    name: field.slice(0, colon),
    value: field
      .slice(colon + 1)
      .replace(/\r?\n(?=[ \t])/g, "")
      .trim(),
  };
}

function mailboxes(list: string | null): string[] {
  return list === null ? [] : addressparser(list, { flatten: true }).map((mailbox) => mailbox.address);
}

function readTagList(list: string | null): NameValue[] {
  const pairs = list?.split(",").map((pair) => pair.trim().split("=")) ?? [];
  return pairs.flatMap(([name, value]) => (name && value ? [{ name, value }] : []));
}
