/**
 * Sends one mail to see how it looks. It goes the way of all others, only ahead of them, so the rate holds and its
 * events count.
 */
import { randomUUID } from "node:crypto";
import type { Gateway } from "./gateway.ts";

/** How long to wait for the answer of SES. */
const PATIENCE_MS = 20_000;
/** How often to look whether the answer is there. */
const LOOK_MS = 50;
/** The priority `high` of `PRIORITIES`. */
const HIGH = 10;

/** One mail to one address. */
export interface TestMail {
  /** In the form in which it is written to. */
  to: string;
  subject: string;
  html: string;
}

/**
 * Resolves, after 20 s at the latest, to the SES message id, or to why there is none (yet). Rejects when the store
 * fails.
 */
export async function sendTest(
  gateway: Pick<Gateway, "store" | "inbox" | "sender" | "settings" | "clock">,
  { to, subject, html }: TestMail,
): Promise<{ sesMessageId: string } | { problem: string }> {
  const { store, inbox, sender, settings, clock } = gateway;
  if (settings.envelope === null) return { problem: "this gateway has no sender: start it with --from" };
  const uuid = randomUUID();
  const tracking = settings.tracking ? { tracking: settings.tracking } : {};
  const content = {
    ...settings.envelope,
    ...tracking,
    subject,
    html,
    text: "",
    attachments: [],
    allowEmpty: false,
    literal: true as const,
  };
  const message = { topic: null, content, emails: [to], priority: HIGH, notBefore: 0, uuid };
  await inbox.take({ messages: [message], repeat: null, memo: "" });
  for (const until = clock.monotonic() + PATIENCE_MS; clock.monotonic() < until; await clock.sleep(LOOK_MS)) {
    const found = await store.accepted(uuid);
    if (found?.state === "sent") return { sesMessageId: found.sesMessageId ?? "" };
    if (found?.state === "suppressed") return { problem: `${to} is suppressed` };
    if (found?.state === "failed" || found?.state === "in_doubt") return { problem: found.error ?? found.state };
  }
  const { reason } = sender.status();
  return { problem: reason ?? "it is still waiting to be sent; it goes out as soon as it can" };
}
