/** The `check` command at work: it asks SES and the DNS, renders every row, and lists what it found. It keeps nothing. */
import { createBreath } from "./breath.ts";
import { type Campaign, type CampaignFlags, readCampaign } from "./campaign.ts";
import { leftToday } from "../aws/quota.ts";
import { awsRegion } from "../aws/region.ts";
import { accountFindings, unreadFinding } from "../check/account.ts";
import { dnsFindings } from "../check/authentication.ts";
import { configurationSetFindings, eventFindings, noConfigurationSet } from "../check/configuration-set.ts";
import { contentFindings } from "../check/content.ts";
import { type Dns, openDns } from "../check/dns.ts";
import { type Finding, finding, summaryOf } from "../check/finding.ts";
import {
  defaultConfigurationSet,
  domainOf,
  fromDomainFindings,
  readSender,
  type SenderFacts,
  senderFindings,
} from "../check/identity.ts";
import { type ForeseenCounts, ListCheck, listFindings } from "../check/list.ts";
import { reportOf } from "../check/report.ts";
import type { Context } from "./context.ts";
import { splitMailbox } from "../compose/address/mailbox.ts";
import type { Recipients } from "../compose/list/recipients.ts";
import { type AccountFacts, openSesReader, type SesReader } from "../aws/ses-reader.ts";
import { EXIT, InterruptedError, UserError } from "../errors.ts";
import type { Lists, Staging, Topics } from "../store/store.ts";
import { TopicRefusedError } from "../store/rules/admit.ts";
import { batchesOf, nameOfList, openList } from "./list.ts";
import { boundOldSpace } from "../memory.ts";
import { countProgress } from "./progress.ts";
import { storedTopic } from "../store/topic-name.ts";
import { refusedTopic } from "./refused-topic.ts";
import { readSecrets } from "../tracking/links.ts";
import { trackingFor } from "./tracking.ts";

/** Options of `check`. */
export interface CheckFlags extends CampaignFlags {
  /** False with `--no-account`. */
  account: boolean;
  /** False with `--no-dns`. */
  dns: boolean;
  dnsServer?: string;
  /** The multi-region endpoint that mail is to go through. What is asked here goes to the region. */
  endpointId?: string;
}

/** What SES said about the account, the sender and the configuration set. */
interface Asked {
  region: string | null;
  account: AccountFacts | null;
  sender: SenderFacts | null;
  /** The verified identities, to which recipients are limited; null: no such limit, or it could not be read. */
  verified: string[] | null;
  findings: Finding[];
}

/** A name that no topic can have. Rows are counted against it when their own topic refuses the list. */
const IMPOSSIBLE_TOPIC = "check/";

/**
 * `check` without a list: account, sender, DNS and configuration set. Exit code 1 when a finding is an error. Throws
 * `UserError` for a bad `--from` or `--dns-server`.
 */
export async function checkAccount(context: Context, flags: CheckFlags): Promise<number> {
  const from = flags.from === undefined ? null : mailboxOf(flags.from);
  const dns = dnsOf(flags);
  const ses = await openReader(context, flags);
  const asked = await askSes(ses, from, flags.configurationSet ?? null, false);
  const account = asked.account ? accountFindings(asked.account, null) : [];
  const findings = [...account, ...asked.findings, ...(await askDns(context, dns, from, asked))];
  return answer(context, { topic: null, asked, findings, list: null });
}

/**
 * `check recipients.csv`: all that, the content, and every row. Exit code 1 when a finding is an error. Throws
 * `UserError` when content or list cannot be used at all.
 */
export async function checkCampaign(context: Context, file: string, flags: CheckFlags): Promise<number> {
  // Look at the links of the author, not at those that lead through the gateway.
  const campaign = await readCampaign(context.io, file, { ...flags, trackClicks: false }, null);
  // Clicks were left out above. Transactional mail refuses them.
  trackingFor(campaign.content.kind, flags);
  readSecrets(context.io.env);
  const from = mailboxOf(campaign.content.from);
  const dns = dnsOf(flags);
  const ses = await openReader(context, flags);
  const recipients = await openList(context.io, file, flags);
  // Before SES is asked: throws when the content has a variable that is no column of the list.
  campaign.compiled.check(recipients.columns);
  const store = await context.openStore({ ifMissing: "scratch", toRead: true });
  campaign.topic = await storedTopic(store, campaign.topic);
  const asked = await askSes(ses, from, campaign.content.configurationSet, true);
  const published = await askDns(context, dns, from, asked);
  const { list, counts, need, refused } = await readList(context, store, campaign, recipients, asked.verified);
  const findings = [
    ...(asked.account ? accountFindings(asked.account, need) : []),
    ...asked.findings,
    ...published,
    ...(list.sample ? contentFindings(list.sample, campaign.content.kind) : []),
    ...refused,
    ...listFindings(list, counts),
  ];
  return answer(context, { topic: campaign.topic, asked, findings, list: { list, counts } });
}

function mailboxOf(written: string): string {
  const mailbox = splitMailbox(written);
  if ("problem" in mailbox) throw new UserError(`--from expects an address or Name <address>: ${mailbox.problem}`);
  return mailbox.address;
}

// Amazon SES ---------------------------------------------------------------------------------------------------------

/** What asks SES, when calls can be made; null with `--no-account`. Throws as `sesReady` does. */
async function openReader({ io, onExit }: Context, flags: CheckFlags): Promise<SesReader | null> {
  if (!flags.account) return null;
  const ses = openSesReader(awsRegion(io.env), io.signal);
  onExit(() => ses.close());
  await ses.ready(io, flags.endpointId);
  return ses;
}

async function askSes(
  ses: SesReader | null,
  from: string | null,
  configurationSet: string | null,
  hasList: boolean,
): Promise<Asked> {
  const asked: Asked = { region: null, account: null, sender: null, verified: null, findings: [] };
  if (from !== null) asked.findings.push(...fromDomainFindings(domainOf(from)));
  if (ses === null) return asked;
  asked.region = await ses.region();
  const isReachable = await askAccount(ses, asked, hasList);
  // One finding is enough: without credentials every further question fails the same way.
  if (!isReachable) return asked;
  await askSender(ses, asked, from);
  await askConfigurationSet(ses, asked, configurationSet);
  return asked;
}

async function askAccount(ses: SesReader, asked: Asked, hasList: boolean): Promise<boolean> {
  const account = await ses.account();
  if (account.kind === "found") asked.account = account.value;
  else asked.findings.push(unreadFinding("account.read", "the account", account));
  if (hasList && asked.account?.productionAccess === false) await askVerified(ses, asked);
  return account.kind === "found" || account.kind === "denied";
}

async function askVerified(ses: SesReader, asked: Asked): Promise<void> {
  const verified = await ses.verifiedIdentities();
  if (verified.kind === "found") asked.verified = verified.value;
  else asked.findings.push(unreadFinding("account.identities", "the list of verified identities", verified));
}

async function askSender(ses: SesReader, asked: Asked, from: string | null): Promise<void> {
  if (from === null) {
    const hint = "name it with --from or SES_MAIL_FROM, or give the recipients file";
    asked.findings.push(finding("info", "identity.given", "no sender was named, so none was looked at", hint));
    return;
  }
  const sender = await readSender(ses, from);
  if (sender.kind !== "found") {
    asked.findings.push(unreadFinding("identity.read", `the identity of ${from}`, sender));
    return;
  }
  asked.sender = sender.value;
  asked.findings.push(...senderFindings(sender.value));
}

async function askConfigurationSet(ses: SesReader, asked: Asked, given: string | null): Promise<void> {
  const name = given ?? (asked.sender ? defaultConfigurationSet(asked.sender) : null);
  if (name === null) {
    asked.findings.push(noConfigurationSet(asked.region));
    return;
  }
  const set = await ses.configurationSet(name);
  if (set.kind === "missing") {
    const hint = `aws sesv2 create-configuration-set --configuration-set-name ${name}`;
    const message = `there is no configuration set ${name} in this region: every mail would be refused`;
    asked.findings.push(finding("error", "configuration-set.exists", message, hint));
    return;
  }
  const suppresses = asked.account?.suppressedReasons ?? null;
  if (set.kind === "found")
    asked.findings.push(...configurationSetFindings(name, given === null, set.value, suppresses));
  else asked.findings.push(unreadFinding("configuration-set.read", `the configuration set ${name}`, set));
  const destinations = await ses.eventDestinations(name);
  if (destinations.kind === "found") asked.findings.push(...eventFindings(name, destinations.value, asked.region));
  else
    asked.findings.push(unreadFinding("configuration-set.events", `the event destinations of ${name}`, destinations));
}

// DNS ----------------------------------------------------------------------------------------------------------------

function dnsOf(flags: CheckFlags): Dns | null {
  return flags.dns ? openDns(flags.dnsServer ?? null) : null;
}

async function askDns({ io }: Context, dns: Dns | null, from: string | null, { sender }: Asked): Promise<Finding[]> {
  if (io.signal.aborted) throw new InterruptedError();
  return dns === null || from === null ? [] : dnsFindings(dns, domainOf(from), sender);
}

// Recipients ---------------------------------------------------------------------------------------------------------

interface ListResult {
  list: ListCheck;
  counts: ForeseenCounts;
  /** How many recipients a send would write to now, including those of an earlier import. */
  need: number;
  /** Why the topic refuses this list; empty: it does not. */
  refused: Finding[];
}

/** Reads every row, and counts what a send would add to the job file, without writing to it. */
async function readList(
  context: Context,
  store: Lists & Topics,
  { file, topic, content, compiled }: Campaign,
  recipients: Recipients,
  verified: string[] | null,
): Promise<ListResult> {
  boundOldSpace();
  const list = new ListCheck(compiled, recipients, verified);
  const staging = await store.stage();
  context.onExit(() => staging.discard());
  await stageRows(context, recipients, list, staging);
  if (list.sample === null)
    throw new UserError(`${nameOfList(file)} has no valid recipient: ${list.rejects.text}`, "correct the rows");
  const refused = await refusalOf(context, store, { topic, content });
  const counts = await staging.forecast(refused.length > 0 ? IMPOSSIBLE_TOPIC : topic, content);
  const waiting = (await store.topic(topic))?.pending ?? 0;
  return { list, counts, need: counts.added + waiting, refused };
}

async function stageRows(context: Context, recipients: Recipients, list: ListCheck, staging: Staging): Promise<void> {
  const progress = countProgress(context, "checked");
  const breath = createBreath(context.io.signal);
  try {
    for await (const rows of batchesOf(context.io, recipients)) {
      const staged = [];
      for (const row of rows) {
        const pause = breath();
        if (pause) await pause;
        const email = list.take(row);
        if (email !== null) staged.push({ email, fields: "[]", notBefore: 0 });
      }
      await staging.add(staged);
      progress.update(list.rows);
    }
  } finally {
    progress.stop();
  }
}

async function refusalOf(
  context: Context,
  store: Lists,
  { topic, content }: Pick<Campaign, "topic" | "content">,
): Promise<Finding[]> {
  try {
    await store.checkList({ topic, content, replaceContent: false });
    return [];
  } catch (error) {
    if (!(error instanceof TopicRefusedError)) throw error;
    const { message, hint } = refusedTopic(context, error.refused);
    return [finding("error", "recipients.topic", message, hint)];
  }
}

// Answer -------------------------------------------------------------------------------------------------------------

interface Result {
  topic: string | null;
  asked: Asked;
  findings: Finding[];
  list: { list: ListCheck; counts: ForeseenCounts } | null;
}

function answer({ terminal, globals }: Context, { topic, asked, findings, list }: Result): number {
  const summary = summaryOf(findings);
  if (globals.json) {
    const account = asked.account ? accountAnswer(asked.account, asked.region) : null;
    terminal.json({ topic, findings, summary, account, recipients: list && recipientsAnswer(list.list, list.counts) });
  } else {
    terminal.done(reportOf(findings), summary.errors + summary.warnings);
  }
  return summary.errors > 0 ? EXIT.partial : EXIT.done;
}

function accountAnswer(account: AccountFacts, region: string | null) {
  return {
    region,
    sending_enabled: account.sendingEnabled,
    production_access: account.productionAccess,
    enforcement: account.enforcement,
    rate: account.perSecond,
    quota: account.quota,
    sent_last_24_hours: account.sentLast24Hours,
    left: leftToday(account),
  };
}

function recipientsAnswer(list: ListCheck, { added, known, repeated, suppressed }: ForeseenCounts) {
  return {
    rows: list.rows,
    added,
    duplicates: known + repeated,
    rejected: list.rejects.count,
    suppressed,
    placeholders: list.placeholders.count,
    unverified: list.unverified.count,
    left: list.left.rows,
    typos: list.typos.count,
    roles: list.roles.count,
  };
}
