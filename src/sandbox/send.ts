/** Answers the calls that send mail. */
import { newMessageId, type AcceptedMail } from "./accepted-mail.ts";
import { bareAddress, isSimulator } from "./address.ts";
import { asSesError, badRequest, errorResponse, notFound, ok, SesError, type Reply } from "./answer.ts";
import type { Backend, ApiCall } from "./backend.ts";
import { objectsOf, textOf, type Body } from "./body.ts";
import type { LoggedCall } from "./call-log.ts";
import { faultError, type FaultVerdict } from "./faults.ts";
import { namedRecipients, readBulkMail, readMail, type Mail } from "./mail.ts";
import { eventsFor } from "./simulator.ts";
import type { Template } from "./template.ts";

const MAX_ENTRIES = 50;

/** The BulkEmailStatus for each error of SendEmail (SES API, BulkEmailEntryResult). */
const BULK_STATUS: Record<string, string> = {
  TooManyRequestsException: "ACCOUNT_THROTTLED",
  LimitExceededException: "ACCOUNT_DAILY_QUOTA_EXCEEDED",
  MessageRejected: "MESSAGE_REJECTED",
  BadRequestException: "INVALID_PARAMETER",
  NotFoundException: "TEMPLATE_NOT_FOUND",
  InternalFailure: "TRANSIENT_FAILURE",
};

/** The result of a call: the body of its answer, and the mails it accepted. */
interface Outcome {
  body: unknown;
  accepted: AcceptedMail[];
}

/**
 * SendEmail. Resolves to the answer when the mail is in the outbox and its events are on their way. A fault may change
 * the answer. Rejects for a bug only: an error of SES is an answer, too.
 */
export function sendEmail(call: ApiCall, backend: Backend): Promise<Reply> {
  return playCall("SendEmail", call, backend, async () => {
    const accepted = accept(
      readMail(call.body, (name) => findTemplate(backend, name)),
      call,
      backend,
    );
    await store(accepted, backend);
    return { body: { MessageId: accepted.messageId }, accepted: [accepted] };
  });
}

/**
 * SendBulkEmail. Each entry is accepted or refused by itself. A problem with the call as a whole is an error of SES.
 * Otherwise like `sendEmail`.
 */
export function sendBulkEmail(call: ApiCall, backend: Backend): Promise<Reply> {
  return playCall("SendBulkEmail", call, backend, async () => {
    const entries = objectsOf(call.body, "BulkEmailEntries");
    if (entries.length === 0) throw badRequest("There are no destinations specified");
    if (entries.length > MAX_ENTRIES) throw badRequest(`Destination count exceeds ${MAX_ENTRIES}.`);
    if (textOf(call.body, "FromEmailAddress") === null) throw badRequest("Source cannot be empty");
    checkSender(textOf(call.body, "ConfigurationSetName"), backend);
    // All entries are counted before the first is stored, because the rate is measured when the call comes in.
    const decisions = entries.map((entry) => decideEntry(call, entry, backend));
    const stored: (AcceptedMail | SesError)[] = [];
    for (const decision of decisions) stored.push(await storeEntry(decision, backend));
    return {
      body: { BulkEmailEntryResults: stored.map(entryResult) },
      accepted: stored.filter((entry): entry is AcceptedMail => !(entry instanceof SesError)),
    };
  });
}

/** Runs a send call: plays the fault that is due, and logs the call before it is answered. */
async function playCall(
  operation: LoggedCall["operation"],
  call: ApiCall,
  backend: Backend,
  run: () => Promise<Outcome>,
): Promise<Reply> {
  const named = namedRecipients(call.body);
  const verdict = backend.faults.next(named);
  const { reply, accepted } = await decide(verdict, run);
  const recipients = accepted.flatMap(({ mail }) => mail.recipients);
  // A raw message may name its recipients only in its own headers.
  const to = named.length > 0 ? named.map(bareAddress) : recipients;
  backend.log?.add({
    at: call.at,
    monotonic: call.received,
    operation,
    status: typeof reply === "string" ? null : reply.status,
    error: typeof reply === "string" ? null : reply.errorType,
    fault: verdict.kind,
    accepted: recipients.length,
    recipients: to.length,
    to,
    tags: namedTags(call.body),
    message_ids: accepted.map(({ messageId }) => messageId),
  });
  if (verdict.delayMs > 0) await backend.clock.sleep(verdict.delayMs, backend.closing);
  return reply;
}

async function decide(
  verdict: FaultVerdict,
  run: () => Promise<Outcome>,
): Promise<{ reply: Reply; accepted: AcceptedMail[] }> {
  const { kind } = verdict;
  if (kind === "hang" || kind === "drop") return { reply: kind, accepted: [] };
  try {
    const failure = faultError(verdict);
    if (failure) throw failure;
    const { body, accepted } = await run();
    return { reply: kind === "accept-then-drop" ? "drop" : ok(body), accepted };
  } catch (error) {
    return { reply: errorResponse(error), accepted: [] };
  }
}

/** Checks the mail and counts it. It never awaits, so that calls are counted in the order they came in. */
function accept(mail: Mail, call: ApiCall, backend: Backend): AcceptedMail {
  checkSender(mail.configurationSet, backend);
  backend.account.checkIdentities(bareAddress(mail.from), mail.recipients, call.region);
  backend.limits.take({
    recipients: mail.recipients.length,
    quotaRecipients: mail.recipients.filter((address) => !isSimulator(address)).length,
    received: call.received,
    now: call.at,
  });
  return { mail, messageId: newMessageId(call.at), acceptedAt: call.at, region: call.region, sourceIp: call.sourceIp };
}

function checkSender(configurationSet: string | null, backend: Backend): void {
  backend.account.checkMaySend();
  if (configurationSet !== null) backend.account.checkConfigurationSet(configurationSet);
}

/** Puts an accepted mail into the outbox and publishes its events. Rejects when the outbox cannot be written. */
async function store(accepted: AcceptedMail, backend: Backend): Promise<void> {
  const { mail, messageId, acceptedAt, region } = accepted;
  const host = region === "us-east-1" ? "email" : region;
  if (!mail.renderingFailure) {
    try {
      await backend.outbox?.store(mail, messageId, `<${messageId}@${host}.amazonses.com>`, acceptedAt);
    } catch (error) {
      backend.onOutboxProblem?.(error as Error);
      throw error;
    }
  }
  backend.accepted++;
  const isSuppressed = (address: string) => backend.suppression.holds(address);
  backend.events?.publish(eventsFor(accepted, acceptedAt + backend.eventDelayMs, isSuppressed), region);
}

function decideEntry(call: ApiCall, entry: Body, backend: Backend): AcceptedMail | SesError {
  try {
    return accept(
      readBulkMail(call.body, entry, (name) => findTemplate(backend, name)),
      call,
      backend,
    );
  } catch (error) {
    return asSesError(error);
  }
}

async function storeEntry(decision: AcceptedMail | SesError, backend: Backend): Promise<AcceptedMail | SesError> {
  if (decision instanceof SesError) return decision;
  try {
    await store(decision, backend);
    return decision;
  } catch (error) {
    return asSesError(error);
  }
}

function entryResult(entry: AcceptedMail | SesError): { Status: string; Error?: string; MessageId?: string } {
  if (!(entry instanceof SesError)) return { Status: "SUCCESS", MessageId: entry.messageId };
  return { Status: BULK_STATUS[entry.type] ?? "FAILED", Error: entry.message };
}

function findTemplate(backend: Backend, name: string): Template {
  const template = backend.templates.get(name);
  if (!template) throw notFound(`Template ${name} does not exist.`);
  return template;
}

function namedTags(body: Body): Record<string, string> {
  const tags = body["EmailTags"] ?? body["DefaultEmailTags"];
  if (!Array.isArray(tags)) return {};
  return Object.fromEntries(
    tags.map((tag: { Name?: unknown; Value?: unknown } | null) => [String(tag?.Name), String(tag?.Value)]),
  );
}
