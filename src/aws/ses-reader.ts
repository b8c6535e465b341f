/** What `check` asks Amazon SES. It only reads: nothing here sends or changes anything. */
import {
  type EventDestination as SesEventDestination,
  GetAccountCommand,
  GetConfigurationSetCommand,
  GetConfigurationSetEventDestinationsCommand,
  GetEmailIdentityCommand,
  type GetEmailIdentityCommandOutput,
  ListEmailIdentitiesCommand,
  SESv2Client,
} from "@aws-sdk/client-sesv2";
import { withinLimit } from "../time/time-limit.ts";
import { createHandler } from "./http-handler.ts";
import { type Account, accountOf } from "./ses.ts";
import { type ReadyOptions, sesReady } from "./ready.ts";
import { outcomeOf } from "./ses-error.ts";

/**
 * The answer to one question. `missing`: SES says that it does not exist. `denied`: the credentials lack the IAM
 * permission `action`. `failed`: there was no answer; `reason` and `hint` are for people.
 */
export type Lookup<T> =
  | { kind: "found"; value: T }
  | { kind: "missing" }
  | { kind: "denied"; action: string }
  | { kind: "failed"; reason: string; hint: string };

/** The account, and what `check` needs besides. */
export interface AccountFacts extends Account {
  /** The reasons for which SES itself suppresses an address: BOUNCE, COMPLAINT. */
  suppressedReasons: string[];
}

/** An identity of SES (GetEmailIdentity): a domain or an address that may send once it is verified. */
export interface Identity {
  name: string;
  isDomain: boolean;
  verified: boolean;
  /** PENDING, SUCCESS, FAILED, TEMPORARY_FAILURE or NOT_STARTED. */
  verificationStatus: string;
  dkim: Dkim;
  mailFrom: MailFrom;
  /** True: SES also mails bounces and complaints to the sender. */
  feedbackForwarding: boolean;
  /** The set that mails use when they name none. */
  configurationSet: string | null;
}

/** How SES signs mail of an identity with DKIM. */
export interface Dkim {
  signing: boolean;
  /** PENDING, SUCCESS, FAILED, TEMPORARY_FAILURE or NOT_STARTED. */
  status: string;
  /** Selectors: three when SES makes the keys, one for a key of your own. */
  tokens: string[];
  /** `AWS_SES…` when SES makes the keys, `EXTERNAL` for a key of your own. */
  origin: string;
  /** The domain that the CNAME records of the tokens point to. */
  zone: string;
}

/** The domain that bounces go to (the envelope sender), which SPF is checked for. */
export interface MailFrom {
  /** Null: SES uses its own domain. */
  domain: string | null;
  /** PENDING, SUCCESS, FAILED or TEMPORARY_FAILURE; null without a domain. */
  status: string | null;
  /** True: SES sends nothing while the MAIL FROM domain does not work. */
  rejects: boolean;
}

/** What a configuration set decides for mails that use it. */
export interface ConfigurationSet {
  sendingEnabled: boolean;
  reputationMetrics: boolean;
  /** Null: the reasons of the account apply. */
  suppressedReasons: string[] | null;
}

/** A place that a configuration set sends events to. */
export interface EventDestination {
  name: string;
  enabled: boolean;
  /** SEND, DELIVERY, BOUNCE, … */
  types: string[];
  /**
   * The member of the API that holds it (`SnsDestination`), with its settings; null for a kind of target we do not
   * know.
   */
  target: { kind: string; settings: unknown } | null;
}

/** Questions to SES about one account and region. They never reject: a `Lookup` says what went wrong. Only `ready` does. */
export interface SesReader {
  /** Resolves when calls can be made, and makes none. Throws as `sesReady` does; `endpointId` is as there. */
  ready(options: ReadyOptions, endpointId?: string): Promise<void>;
  /** The region in use; null when none is set. */
  region(): Promise<string | null>;
  account(): Promise<Lookup<AccountFacts>>;
  identity(name: string): Promise<Lookup<Identity>>;
  configurationSet(name: string): Promise<Lookup<ConfigurationSet>>;
  eventDestinations(configurationSet: string): Promise<Lookup<EventDestination[]>>;
  /** Names of the verified identities: addresses and domains. */
  verifiedIdentities(): Promise<Lookup<string[]>>;
  close(): void;
}

const TIMEOUT_MS = 5_000;
/** SES takes one call a second that does not send (SES quotas). The SDK waits and asks again. */
const ATTEMPTS = 4;
const PAGE = 1_000;
/** For a whole question, with all its tries and pages, and the credentials for it. */
const QUESTION_MS = 30_000;

interface Until {
  abortSignal: AbortSignal;
}

/**
 * Makes a reader; nothing is asked before the first question. Each try gets 5 seconds for a whole answer, each question 30. `region`
 * undefined leaves it to the SDK's own chain, which always finds credentials and endpoint. When `signal` aborts, every
 * question ends with `failed`.
 */
export function openSesReader(region: string | undefined, signal: AbortSignal): SesReader {
  const client = new SESv2Client({
    maxAttempts: ATTEMPTS,
    requestHandler: createHandler({ maxSockets: 10, exchangeMs: TIMEOUT_MS }),
    ...(region !== undefined && { region }),
  });
  const ask = <T>(operation: string, read: (until: Until) => Promise<T>) => lookup(operation, signal, read);
  return {
    ready: (ready, endpointId) => sesReady(client, ready, endpointId),
    region: () => client.config.region().catch(() => null),
    account: () => ask("GetAccount", (until) => readAccount(client, until)),
    identity: (name) =>
      ask("GetEmailIdentity", async (until) =>
        identityOf(name, await client.send(new GetEmailIdentityCommand({ EmailIdentity: name }), until)),
      ),
    configurationSet: (name) => ask("GetConfigurationSet", (until) => readConfigurationSet(client, name, until)),
    eventDestinations: (name) =>
      ask("GetConfigurationSetEventDestinations", async (until) => {
        const command = new GetConfigurationSetEventDestinationsCommand({ ConfigurationSetName: name });
        return ((await client.send(command, until)).EventDestinations ?? []).map(destinationOf);
      }),
    verifiedIdentities: () => ask("ListEmailIdentities", (until) => listVerified(client, until)),
    close: () => client.destroy(),
  };
}

async function lookup<T>(
  operation: string,
  signal: AbortSignal,
  read: (until: Until) => Promise<T>,
): Promise<Lookup<T>> {
  try {
    const limits = { ms: QUESTION_MS, signal };
    return { kind: "found", value: await withinLimit(limits, (abortSignal) => read({ abortSignal })) };
  } catch (error) {
    const name = error instanceof Error ? error.name : "";
    if (name === "NotFoundException") return { kind: "missing" };
    if (name.startsWith("AccessDenied")) return { kind: "denied", action: `ses:${operation}` };
    return failure(name, error);
  }
}

function failure<T>(name: string, error: unknown): Lookup<T> {
  const outcome = outcomeOf(error, "");
  const reason = "reason" in outcome ? outcome.reason : name;
  if (name === "CredentialsProviderError") {
    return { kind: "failed", reason, hint: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE" };
  }
  if (outcome.kind === "halted") return { kind: "failed", reason, hint: outcome.hint };
  return { kind: "failed", reason, hint: "check the network, AWS_REGION and AWS_ENDPOINT_URL_SESV2, and try again" };
}

async function readAccount(client: SESv2Client, until: Until): Promise<AccountFacts> {
  const answer = await client.send(new GetAccountCommand({}), until);
  return {
    ...accountOf(answer),
    suppressedReasons: answer.SuppressionAttributes?.SuppressedReasons ?? [],
  };
}

function identityOf(name: string, answer: GetEmailIdentityCommandOutput): Identity {
  const { DkimAttributes: dkim, MailFromAttributes: mailFrom } = answer;
  return {
    name,
    isDomain: answer.IdentityType !== "EMAIL_ADDRESS",
    verified: answer.VerifiedForSendingStatus ?? false,
    verificationStatus: answer.VerificationStatus ?? "NOT_STARTED",
    dkim: {
      signing: dkim?.SigningEnabled ?? false,
      status: dkim?.Status ?? "NOT_STARTED",
      tokens: dkim?.Tokens ?? [],
      origin: dkim?.SigningAttributesOrigin ?? "AWS_SES",
      zone: dkim?.SigningHostedZone ?? "dkim.amazonses.com",
    },
    mailFrom: {
      domain: mailFrom?.MailFromDomain || null,
      status: mailFrom?.MailFromDomainStatus ?? null,
      rejects: mailFrom?.BehaviorOnMxFailure === "REJECT_MESSAGE",
    },
    feedbackForwarding: answer.FeedbackForwardingStatus ?? false,
    configurationSet: answer.ConfigurationSetName || null,
  };
}

async function readConfigurationSet(client: SESv2Client, name: string, until: Until): Promise<ConfigurationSet> {
  const answer = await client.send(new GetConfigurationSetCommand({ ConfigurationSetName: name }), until);
  return {
    sendingEnabled: answer.SendingOptions?.SendingEnabled ?? true,
    reputationMetrics: answer.ReputationOptions?.ReputationMetricsEnabled ?? false,
    suppressedReasons: answer.SuppressionOptions?.SuppressedReasons ?? null,
  };
}

function destinationOf(answer: SesEventDestination): EventDestination {
  const [kind, settings] =
    Object.entries(answer).find(([key, value]) => key.endsWith("Destination") && value !== undefined) ?? [];
  return {
    name: answer.Name ?? "",
    enabled: answer.Enabled ?? false,
    types: answer.MatchingEventTypes ?? [],
    target: kind === undefined ? null : { kind, settings },
  };
}

async function listVerified(client: SESv2Client, until: Until): Promise<string[]> {
  const names: string[] = [];
  for (let token: string | undefined; ;) {
    const page = await client.send(new ListEmailIdentitiesCommand({ PageSize: PAGE, NextToken: token }), until);
    for (const { IdentityName: name, SendingEnabled: verified } of page.EmailIdentities ?? []) {
      if (name !== undefined && verified === true) names.push(name);
    }
    token = page.NextToken;
    if (token === undefined) return names;
  }
}
