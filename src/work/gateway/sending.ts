/** How mail leaves from what runs as a service: the loop, its limits, and the account it sends through. */
import type { Context } from "../context.ts";
import type { Ses } from "../../aws/ses.ts";
import { createMailer, type MailService } from "../../deliver/mailer.ts";
import { createSendLoop } from "../../deliver/send.ts";
import type { SendLoop } from "../../deliver/sender.ts";
import type { Endpoint } from "../../store/rows.ts";
import type { Store } from "../../store/store.ts";
import { parseDuration } from "../../time/duration.ts";
import { type Links, openLinks } from "../../tracking/links.ts";
import { connect, type Rehearsing, rateOf, type SesConnection } from "../endpoint.ts";
import { type AccountWatch, createAccountWatch, createReserveWatch } from "../account-watch.ts";
import { holdBadTopics, type HoldingScope } from "./chores.ts";
import { readRecipientCap, type ServiceFlags } from "./settings.ts";

/** The cap where jobs come from Redis and no other cap is given: programs that write them count on it. */
export const CAP_OF_JOBS = "5/1h";

/** What sends, and what it sends through. */
export interface Sending {
  sender: SendLoop;
  account: AccountWatch;
  /** Null: mail is not rehearsed. */
  sandbox: SesConnection["sandbox"];
  links: Links;
}

/** What it is made of. */
export interface SendingParts {
  store: Store;
  /** Null: the embedded sandbox, which is `rehearsing`, unless there is an outlet. */
  ses: Ses | null;
  /** Takes mail instead of SES; null: nothing does. */
  outlet: MailService | null;
  rehearsing: Rehearsing;
  scope: HoldingScope;
  flags: ServiceFlags;
  /** Hears when a topic begins to be held. */
  tell: (text: string) => void;
}

/**
 * Connects to where mail goes and makes the loop, which waits for mail for as long as the process lives. Nothing is sent before it is
 * run.
 */
export async function prepareSending(context: Context, parts: SendingParts): Promise<Sending> {
  const { store, scope, flags, tell, outlet } = parts;
  const links = await openLinks(store, context.io.env, context.io.clock);
  const sent = () => sender.status().run.sent;
  const way = outlet === null ? await wayToSes(context, parts, sent) : { ...NO_SES, service: outlet };
  const { account } = way;
  const limits = { bounceRate: flags.maxBounceRate, complaintRate: flags.maxComplaintRate };
  const mailer = createMailer(store, way.service, async () => links, {
    whenFolderIsGone: "fail",
    isRehearsal: way.sandbox !== null,
  });
  const sender = createSendLoop(store, mailer, {
    scope,
    rate: () => rateOf(account.latest(), flags),
    whenDrained: "wait",
    maxAttempts: flags.maxAttempts,
    checkpoint: holdBadTopics(store, scope, limits, tell),
    hasAnswered: way.hasAnswered,
    ...(flags.reserve !== undefined && { reserve: createReserveWatch(flags.reserve, account, tell) }),
    io: context.io,
  });
  return { sender, account, sandbox: way.sandbox, links };
}

/** Where mail goes. */
interface Way extends Pick<Sending, "account" | "sandbox"> {
  service: MailService;
  /** True: SES has answered a question about the account. */
  hasAnswered: () => boolean;
}

async function wayToSes(context: Context, { ses, rehearsing, flags }: SendingParts, sent: () => number): Promise<Way> {
  const connection = await connect(context, flags, { ses, ...rehearsing });
  const account = createAccountWatch(connection, sent, context.io.clock);
  const hasAnswered = () => connection.hasAnswered || account.latest() !== null;
  return { service: connection.ses, sandbox: connection.sandbox, account, hasAnswered };
}

/** Who hands mail over to others knows nothing of the account that they send with. */
const NO_SES: Omit<Way, "service"> = {
  sandbox: null,
  hasAnswered: () => false,
  account: { latest: () => null, now: () => null, ageMs: () => Infinity, refresh: async () => undefined },
};

/** What a service claims: everything that goes to this endpoint. Throws `UserError` for a bad option. */
export function readScope(endpoint: Endpoint, flags: ServiceFlags): HoldingScope {
  const recipientCap = readRecipientCap(flags.recipientCap ?? (flags.redis === undefined ? "off" : CAP_OF_JOBS));
  return {
    topic: null,
    endpoint,
    maxLateMs: flags.maxLate === undefined ? null : parseDuration(flags.maxLate, "--max-late"),
    held: new Set(),
    ...(recipientCap && { recipientCap }),
  };
}
