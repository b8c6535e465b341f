/**
 * The operations of the SES API besides sending. Each takes one request and gives its answer, or throws the SesError
 * that SES would answer. The docstring of each begins with its name in the API.
 */
import { DEFAULT_CONFIGURATION_SET } from "./account.ts";
import { alreadyExists, badRequest, notFound, ok, SesError, type ApiResponse } from "./answer.ts";
import type { Backend, ApiCall } from "./backend.ts";
import { objectOf, textOf } from "./body.ts";
import { defaultTopic } from "./event-feed.ts";
import { templateOf } from "./mail.ts";
import { renderTemplate } from "./template.ts";

const EVENT_TYPES = [
  "SEND",
  "REJECT",
  "BOUNCE",
  "COMPLAINT",
  "DELIVERY",
  "OPEN",
  "CLICK",
  "RENDERING_FAILURE",
  "DELIVERY_DELAY",
  "SUBSCRIPTION",
];

/** GetAccount: the state of the account and its quota. */
export function getAccount(_: ApiCall, backend: Backend): ApiResponse {
  const { enforcement, sandboxAccount, sendingEnabled } = backend.account.options;
  return ok({
    DedicatedIpAutoWarmupEnabled: true,
    EnforcementStatus: enforcement,
    ProductionAccessEnabled: !sandboxAccount,
    SendingEnabled: sendingEnabled,
    SendQuota: {
      Max24HourSend: backend.quota,
      MaxSendRate: backend.rate,
      SentLast24Hours: backend.limits.sentLast24Hours(backend.clock.now()),
    },
    SuppressionAttributes: { SuppressedReasons: ["BOUNCE", "COMPLAINT"] },
    VdmAttributes: { VdmEnabled: "DISABLED" },
  });
}

/** GetEmailIdentity: an identity of the account; NotFoundException for another. */
export function getEmailIdentity(call: ApiCall, { account }: Backend): ApiResponse {
  const identity = label(call);
  if (!account.hasIdentity(identity)) throw notFound(`Email identity ${identity} does not exist.`);
  const verified = account.isVerified(identity);
  const status = verified ? "SUCCESS" : "PENDING";
  return ok({
    IdentityType: identity.includes("@") ? "EMAIL_ADDRESS" : "DOMAIN",
    FeedbackForwardingStatus: true,
    VerifiedForSendingStatus: verified,
    VerificationStatus: status,
    DkimAttributes: {
      SigningEnabled: true,
      Status: status,
      Tokens: ["a", "b", "c"],
      SigningAttributesOrigin: "AWS_SES",
    },
    MailFromAttributes: { BehaviorOnMxFailure: "USE_DEFAULT_VALUE" },
    Policies: {},
    Tags: [],
    ConfigurationSetName: DEFAULT_CONFIGURATION_SET,
  });
}

/** ListEmailIdentities: a page of identities. */
export function listEmailIdentities(call: ApiCall, { account }: Backend): ApiResponse {
  const { items, next } = page(account.identities, call);
  const summaries = items.map((identity) => ({
    IdentityType: identity.includes("@") ? "EMAIL_ADDRESS" : "DOMAIN",
    IdentityName: identity,
    SendingEnabled: account.isVerified(identity),
    VerificationStatus: account.isVerified(identity) ? "SUCCESS" : "PENDING",
  }));
  return ok({ EmailIdentities: summaries, ...next });
}

/** CreateEmailIdentity: adds an identity that waits for its verification. */
export function createEmailIdentity(call: ApiCall, { account }: Backend): ApiResponse {
  const identity = required(call, "EmailIdentity");
  account.createIdentity(identity);
  return ok({
    IdentityType: identity.includes("@") ? "EMAIL_ADDRESS" : "DOMAIN",
    VerifiedForSendingStatus: account.isVerified(identity),
    DkimAttributes: { SigningEnabled: true, Status: "PENDING", Tokens: ["a", "b", "c"] },
  });
}

/** CreateConfigurationSet: adds an empty set. */
export function createConfigurationSet(call: ApiCall, { account }: Backend): ApiResponse {
  account.createConfigurationSet(required(call, "ConfigurationSetName"));
  return ok();
}

/** ListConfigurationSets: a page of names. */
export function listConfigurationSets(call: ApiCall, { account }: Backend): ApiResponse {
  const { items, next } = page(account.configurationSets, call);
  return ok({ ConfigurationSets: items, ...next });
}

/** GetConfigurationSet: the same settings for each set; NotFoundException for an unknown one. */
export function getConfigurationSet(call: ApiCall, { account }: Backend): ApiResponse {
  account.checkConfigurationSet(label(call));
  return ok({
    ConfigurationSetName: label(call),
    TrackingOptions: {},
    DeliveryOptions: { TlsPolicy: "OPTIONAL" },
    ReputationOptions: { ReputationMetricsEnabled: true },
    SendingOptions: { SendingEnabled: true },
    SuppressionOptions: { SuppressedReasons: ["BOUNCE", "COMPLAINT"] },
    Tags: [],
  });
}

/**
 * GetConfigurationSetEventDestinations: every set publishes all events to one SNS topic. The events file and the
 * webhook play that topic.
 */
export function getEventDestinations(call: ApiCall, { account, events }: Backend): ApiResponse {
  account.checkConfigurationSet(label(call));
  const destination = {
    Name: "sandbox",
    Enabled: true,
    MatchingEventTypes: EVENT_TYPES,
    SnsDestination: { TopicArn: events?.topicArn(call.region) ?? defaultTopic(call.region) },
  };
  return ok({ EventDestinations: [destination] });
}

/** PutSuppressedDestination: suppresses an address. */
export function putSuppressed(call: ApiCall, { suppression, clock }: Backend): ApiResponse {
  suppression.put(required(call, "EmailAddress"), required(call, "Reason"), clock.now());
  return ok();
}

/** GetSuppressedDestination: one suppressed address; NotFoundException for another. */
export function getSuppressed(call: ApiCall, { suppression }: Backend): ApiResponse {
  return ok({ SuppressedDestination: suppression.get(label(call)) });
}

/** DeleteSuppressedDestination: removes an address; NotFoundException when it is not there. */
export function deleteSuppressed(call: ApiCall, { suppression }: Backend): ApiResponse {
  suppression.delete(label(call));
  return ok();
}

/** ListSuppressedDestinations: a page of addresses, by reason and time. */
export function listSuppressed(call: ApiCall, { suppression }: Backend): ApiResponse {
  const found = suppression.list(call.query.getAll("Reason"), instant(call, "StartDate"), instant(call, "EndDate"));
  const { items, next } = page(found, call);
  return ok({ SuppressedDestinationSummaries: items, ...next });
}

/** CreateEmailTemplate: stores a template; AlreadyExistsException when there is one of this name. */
export function createTemplate(call: ApiCall, { templates }: Backend): ApiResponse {
  const name = required(call, "TemplateName");
  if (templates.has(name)) throw alreadyExists(`Template ${name} already exists.`);
  const content = objectOf(call.body, "TemplateContent");
  if (!content) throw badRequest("TemplateContent must not be null.");
  templates.set(name, templateOf(content));
  return ok();
}

/** GetEmailTemplate: a stored template; NotFoundException for an unknown one. */
export function getTemplate(call: ApiCall, backend: Backend): ApiResponse {
  const { subject, text, html } = storedTemplate(call, backend);
  return ok({ TemplateName: label(call), TemplateContent: { Subject: subject, Text: text, Html: html } });
}

/** DeleteEmailTemplate: removes a template; NotFoundException for an unknown one. */
export function deleteTemplate(call: ApiCall, backend: Backend): ApiResponse {
  storedTemplate(call, backend);
  backend.templates.delete(label(call));
  return ok();
}

/**
 * TestRenderEmailTemplate: the filled parts as readable text. SES answers with a whole MIME message, which nobody
 * parses.
 */
export function testRenderTemplate(call: ApiCall, backend: Backend): ApiResponse {
  const data = textOf(call.body, "TemplateData");
  const { subject, text, html, renderingFailure } = renderTemplate(
    label(call),
    storedTemplate(call, backend),
    data,
    null,
  );
  if (renderingFailure) throw badRequest(renderingFailure.errorMessage);
  return ok({ RenderedTemplate: [`Subject: ${subject}`, "", text, html].filter((part) => part !== null).join("\r\n") });
}

function storedTemplate(call: ApiCall, { templates }: Backend) {
  const template = templates.get(label(call));
  if (!template) throw notFound(`Template ${label(call)} does not exist.`);
  return template;
}

function label(call: ApiCall): string {
  return call.labels[0] ?? "";
}

function required(call: ApiCall, member: string): string {
  const value = textOf(call.body, member);
  if (value === null || value === "") throw badRequest(`${member} must not be empty.`);
  return value;
}

function instant(call: ApiCall, name: string): number | null {
  const text = call.query.get(name);
  if (text === null) return null;
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw badRequest(`${name} is not a timestamp.`);
  return time;
}

/**
 * One page of a list. The token is the position of the next page. PageSize and NextToken come in the query or in the
 * body.
 */
function page<T>(all: readonly T[], call: ApiCall): { items: T[]; next: { NextToken?: string } } {
  const given = (name: string) => call.query.get(name) ?? call.body[name] ?? null;
  const start = Number(given("NextToken") ?? 0);
  if (!Number.isInteger(start) || start < 0)
    throw new SesError(400, "InvalidNextTokenException", "The token is invalid.");
  const size = Number(given("PageSize") ?? 100);
  if (!Number.isInteger(size) || size < 1) throw badRequest("PageSize must be a positive number.");
  const end = start + size;
  return { items: all.slice(start, end), next: end < all.length ? { NextToken: String(end) } : {} };
}
