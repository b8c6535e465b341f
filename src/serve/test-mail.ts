/**
 * Sends one mail to see how it looks. It goes the way of all others, only ahead of them, so the rate holds and its
 * events count.
 */
import { randomUUID } from "node:crypto";
import type { Content } from "../message.ts";
import type { Gateway, TestMail } from "./gateway.ts";
import { type Made, testContent } from "./mail-parts.ts";

/** How long to wait for the answer of SES. */
const PATIENCE_MS = 20_000;
/** How often to look whether the answer is there. */
const LOOK_MS = 50;
/** The priority `high` of `PRIORITIES`. */
const HIGH = 10;

type Sending = Pick<Gateway, "store" | "inbox" | "sender" | "settings" | "clock">;

/**
 * Resolves, after 20 s at the latest, to the SES message id, or to why there is none (yet). Rejects when the store
 * fails, and with UserError when there is no such topic.
 */
export async function sendTest(
  gateway: Sending,
  test: TestMail,
): Promise<{ sesMessageId: string } | { problem: string }> {
  const { store, inbox, sender, clock } = gateway;
  const content = "topic" in test ? await testContent(await store.sampleParts(test.topic)) : typed(gateway, test);
  if ("problem" in content) return content;
  const uuid = randomUUID();
  const { to } = test;
  const message = { topic: null, content, emails: [to], priority: HIGH, notBefore: 0, uuid, ...NEVER };
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

const NEVER = { expiresAt: null, expiresIn: null };

function typed({ settings }: Sending, { subject, html }: { subject: string; html: string }): Made<Content> {
  if (settings.envelope === null) return { problem: "this gateway has no sender: start it with --from" };
  return {
    ...settings.envelope,
    ...(settings.tracking !== null && { tracking: settings.tracking }),
    subject,
    html,
    text: "",
    attachments: [],
    allowEmpty: false,
    literal: true,
  };
}
