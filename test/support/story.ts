/** A campaign whose every fact is known: told to a real store the way it learns of one, and countable without it. */
import { readEvent, type SesEvent } from "../../src/feedback/ses-event.ts";
import type { Claim, Settlement } from "../../src/deliver/source.ts";
import type { Store } from "../../src/store/store.ts";
import type { ManualClock } from "./manual-clock.ts";
import { CONTENT, failed, inDoubt, ingest, putBack, sent, turn } from "./store-actions.ts";

export const READER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Gecko/20100101 Firefox/140.0";
export const APPLE_PROXY = "Mozilla/5.0";

/** One recipient's fate. Times are milliseconds after SES took the mail in. */
export interface Fate {
  email: string;
  state: "sent" | "failed" | "in_doubt" | "pending";
  error?: string;
  delivered?: number;
  bounce?: { type: string; subtype: string; diagnostic?: string; after: number };
  complained?: number;
  opens?: { after: number; agent: string }[];
  clicks?: { after: number; link: string; agent?: string }[];
}

export interface Told {
  topic: string;
  fates: Fate[];
  /** When SES took the mail of each fate in, ms; by address. */
  sentAt: Map<string, number>;
}

/** Answers that come in together: a commit each would be most of the test. */
const BATCH = 10;

/** Adds the recipients, sends one every `everyMs` and applies what SES says of each. */
export async function tell(
  store: Store,
  clock: ManualClock,
  {
    topic = "june",
    subject = "Hello",
    everyMs = 100,
    fates,
  }: Partial<Told> & { subject?: string; everyMs?: number; fates: Fate[] },
): Promise<Told> {
  await ingest(
    store,
    fates.map((fate) => fate.email),
    { topic, content: { ...CONTENT, subject, from: "Example News <news@example.com>" } },
  );
  const byEmail = new Map(fates.map((fate) => [fate.email, fate]));
  const sentAt = new Map<string, number>();
  const ids = new Map<string, number>();
  const { claims } = await turn(store, fates.length, { scope: { topic, endpoint: "ses", maxLateMs: null } });
  for (let first = 0; first < claims.length; first += BATCH) {
    const batch = claims.slice(first, first + BATCH);
    clock.pass(everyMs * batch.length);
    const settlements = batch.map((claim) => {
      const fate = byEmail.get(claim.email);
      if (!fate) throw new Error(`nobody knows ${claim.email}`);
      ids.set(claim.email, claim.id);
      if (fate.state === "sent") sentAt.set(claim.email, clock.now());
      return settlementOf(fate, claim);
    });
    await turn(store, 0, { settlements });
  }
  const events = fates.flatMap((fate) =>
    eventsOf(fate, { job: store.jobId, id: ids.get(fate.email) ?? 0, at: sentAt.get(fate.email) ?? 0 }),
  );
  await store.applyEvents(events);
  return { topic, fates, sentAt };
}

function settlementOf({ state, error = "no answer" }: Fate, claim: Claim): Settlement {
  if (state === "sent") return sent(claim);
  if (state === "pending") return putBack(claim, { error: null });
  return state === "failed" ? failed(claim, error) : inDoubt(claim, error);
}

function eventsOf(fate: Fate, mail: { job: string; id: number; at: number }): SesEvent[] {
  if (fate.state !== "sent") return [];
  const iso = (after: number) => new Date(mail.at + after).toISOString();
  const event = (eventType: string, member: string, after: number, detail: object) => {
    const read = readEvent({
      eventType,
      mail: {
        timestamp: iso(0),
        messageId: `ses-${mail.id}`,
        destination: [fate.email],
        tags: { "ses-mail-job": [mail.job], "ses-mail-message": [String(mail.id)] },
      },
      [member]: { timestamp: iso(after), ...detail },
    });
    if ("malformed" in read) throw new Error(read.malformed);
    return read;
  };
  const { delivered, bounce, complained, opens = [], clicks = [] } = fate;
  const recipient = {
    emailAddress: fate.email,
    ...(bounce?.diagnostic !== undefined && { diagnosticCode: bounce.diagnostic }),
  };
  return [
    ...(delivered === undefined ? [] : [event("Delivery", "delivery", delivered, { recipients: [fate.email] })]),
    ...(bounce === undefined
      ? []
      : [
          event("Bounce", "bounce", bounce.after, {
            bounceType: bounce.type,
            bounceSubType: bounce.subtype,
            bouncedRecipients: [recipient],
            feedbackId: `bounce-${mail.id}`,
          }),
        ]),
    ...(complained === undefined
      ? []
      : [
          event("Complaint", "complaint", complained, {
            complainedRecipients: [recipient],
            feedbackId: `complaint-${mail.id}`,
          }),
        ]),
    ...opens.map(({ after, agent }) => event("Open", "open", after, { userAgent: agent })),
    ...clicks.map(({ after, link, agent = READER }) => event("Click", "click", after, { userAgent: agent, link })),
  ];
}

const DOMAINS = [
  "gmail.com",
  "gmail.com",
  "gmail.com",
  "naver.com",
  "naver.com",
  "outlook.com",
  "yahoo.com",
  "icloud.com",
  "example.org",
];
const MINUTE = 60_000;

/** Numbers that look random and never change (mulberry32, public domain). */
export function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A believable newsletter: most arrive within seconds, half are opened over two days, some by machines only. */
export function newsletter(count: number, seed = 1): Fate[] {
  const roll = dice(seed);
  return Array.from({ length: count }, (_, index): Fate => {
    const domain =
      roll() < 0.15
        ? `company${Math.floor(roll() * 60)}.example`
        : (DOMAINS[Math.floor(roll() * DOMAINS.length)] ?? "");
    const email = `reader${index}@${domain}`;
    const luck = roll();
    if (luck < 0.006)
      return {
        email,
        state: "failed",
        error: `MessageRejected: Address ${email} is on the list of blocked addresses.`,
      };
    if (luck < 0.008) return { email, state: "in_doubt", error: "no answer within 30 s" };
    if (luck < 0.03) return { email, state: "sent", bounce: permanent(email, index, roll) };
    if (luck < 0.04)
      return {
        email,
        state: "sent",
        bounce: {
          type: "Transient",
          subtype: "MailboxFull",
          diagnostic: "smtp; 452 4.2.2 The recipient's inbox is out of storage space",
          after: 40 * MINUTE,
        },
      };
    const delivered = Math.round(400 + 3_000 * roll() ** 4 + (roll() < 0.01 ? roll() * 90 * MINUTE : 0));
    const fate: Fate = { email, state: "sent", delivered };
    if (domain === "icloud.com" || roll() < 0.1)
      fate.opens = [{ after: delivered + 2_000 + roll() * 20 * MINUTE, agent: APPLE_PROXY }];
    if (roll() < 0.38) {
      const after = delivered + 5_000 + roll() ** 5 * 2_880 * MINUTE;
      fate.opens = [...(fate.opens ?? []), { after, agent: READER }];
      if (roll() < 0.25) fate.clicks = clicksOf(roll, index, after);
    }
    if (roll() < 0.0006) fate.complained = delivered + roll() * 600 * MINUTE;
    return fate;
  });
}

function permanent(email: string, index: number, roll: () => number) {
  const base = { type: "Permanent", subtype: "General", after: 1_500 };
  if (roll() < 0.6)
    return {
      ...base,
      diagnostic: `smtp; 550-5.1.1 The email account that you tried to reach does not exist. Please try double-checking the recipient's email address ${email} https://support.google.com/mail/?p=NoSuchUser a1-2002${index}c.12 - gsmtp`,
    };
  if (roll() < 0.5)
    return {
      ...base,
      subtype: "OnAccountSuppressionList",
      diagnostic:
        "Amazon SES did not send the message to this address because it is on the suppression list for your account.",
    };
  return {
    ...base,
    diagnostic: `smtp; 550 5.4.1 Recipient address rejected: Access denied. [DB5EUR03FT${index}.eop-EUR03.prod.protection.outlook.com]`,
  };
}

function clicksOf(roll: () => number, index: number, after: number): NonNullable<Fate["clicks"]> {
  const links = [
    "https://www.example.com/summer-sale",
    "https://www.example.com/summer-sale",
    "https://www.example.com/blog/ten-ideas?utm_source=news",
    `https://mail.example.com/u/tok${index}abcdef0123456789`,
  ];
  const link = links[Math.floor(roll() * links.length)] ?? "";
  return [{ after: after + 4_000, link }, ...(roll() < 0.2 ? [{ after: after + 9_000, link }] : [])];
}
