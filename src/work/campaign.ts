/** What `send`, `import` and `schedule` do with a file: they bring its content and list into a topic. */
import { access, constants, stat } from "node:fs/promises";
import type { Context } from "./context.ts";
import { checkTopic, type ContentOverrides, readContent } from "../compose/content/content.ts";
import { leftOverReport } from "../compose/content/left-over.ts";
import { localPictures } from "../compose/mail/pictures.ts";
import { UserError } from "../errors.ts";
import type { Io } from "../io.ts";
import { fileProblem, pathFrom } from "../read-file.ts";
import type { CompiledContent } from "../compose/mail/template.ts";
import { prepareContent } from "../compose/mail/tools.ts";
import { rehearsalOf, removeRehearsal } from "./afresh.ts";
import { cheapForecast, factsAfter, type ListAnswer, listText } from "./list-facts.ts";
import { remindOfPause } from "./paused.ts";
import { parseDuration } from "../time/duration.ts";
import { tellingRefusals } from "./refused-topic.ts";
import type { Endpoint, ListCounts, ListForecast } from "../store/rows.ts";
import type { Lists } from "../store/store.ts";
import {
  type ListFlags,
  type ListOptions,
  type ListReading,
  nameOfList,
  openReading,
  type StagedList,
  type Timing,
  topicOfFile,
} from "./list.ts";
import { hasStore } from "./open-store.ts";
import type { Content, Totals } from "../message.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { storedTopic } from "../store/topic-name.ts";
import { trackingFor, type TrackingFlags } from "./tracking.ts";

/** What a mail says, as options give it. Each option beats the front matter of the content. */
export interface ContentFlags extends TrackingFlags {
  content?: string;
  text?: string;
  subject?: string;
  from?: string;
  replyTo?: string[];
  header?: string[];
  attach?: string[];
  configurationSet?: string;
  tenant?: string;
  tag?: string[];
  unsubscribeUrl?: string;
  unsubscribeMailto?: string;
  allowEmpty?: boolean;
  topic?: string;
  list?: string;
  transactional?: boolean;
  /** The names of the options that came from the environment. */
  fromEnvironment?: ReadonlySet<string>;
}

/** The options of every command that is given a list. */
export type CampaignFlags = ContentFlags & ListFlags & { replaceContent?: boolean; expiresIn?: string };

/** The content and the topic that go with a list, checked. Nothing is in the job file yet. */
export interface Campaign {
  file: string;
  topic: string;
  content: Content;
  compiled: CompiledContent;
  flags: CampaignFlags;
  /** How long after it is due each message may be sent (ms); null: for ever. */
  expiresInMs: number | null;
}

/**
 * Reads and compiles the content that goes with the list `file`. Throws `UserError` when content, topic or tracking
 * options cannot be used. Tags of other mail systems would be mailed as they are, so `terminal` gets a warning (null:
 * the caller warns).
 */
export async function readCampaign(
  { cwd }: Pick<Io, "cwd">,
  file: string,
  flags: CampaignFlags,
  terminal: Terminal | null,
): Promise<Campaign> {
  // Check the list first: a mistyped path should not be reported as a missing content.
  if (file !== "-") await checkReadable(file, cwd);
  const expiresInMs = flags.expiresIn === undefined ? null : parseDuration(flags.expiresIn, "--expires-in", 1);
  const { topic, content: written } = await readContent({
    cwd,
    contentFile: flags.content ?? null,
    recipientsFile: file === "-" ? null : file,
    ...(flags.text !== undefined && { textFile: flags.text }),
    overrides: overridesOf(flags),
  });
  const tracking = trackingFor(written.kind, flags);
  // Set only when asked for: a content without tracking keeps the hash it had before tracking existed.
  const content: Content = tracking === null ? written : { ...written, tracking };
  const name = checkTopic(flags.topic ?? topic ?? topicOfFile(file));
  const compiled = await prepareContent(content);
  const leftOver = leftOverReport(content);
  if (leftOver !== null) terminal?.warn(leftOver);
  return { file, topic: name, content, compiled, flags, expiresInMs };
}

/** The options as they are read into a content. */
export function overridesOf(flags: ContentFlags): ContentOverrides {
  return {
    ...(flags.subject !== undefined && { subject: flags.subject }),
    ...(flags.from !== undefined && { from: flags.from }),
    ...(flags.replyTo !== undefined && { replyTo: [flags.replyTo].flat() }),
    ...(flags.header !== undefined && { headers: flags.header }),
    ...(flags.attach !== undefined && { attachments: flags.attach }),
    ...(flags.tag !== undefined && { tags: flags.tag }),
    ...(flags.configurationSet !== undefined && { configurationSet: flags.configurationSet }),
    ...(flags.tenant !== undefined && { tenant: flags.tenant }),
    ...(flags.unsubscribeUrl !== undefined && { unsubscribeUrl: flags.unsubscribeUrl }),
    ...(flags.unsubscribeMailto !== undefined && { unsubscribeMailto: flags.unsubscribeMailto }),
    ...(flags.allowEmpty !== undefined && { allowEmpty: flags.allowEmpty }),
    ...(flags.list !== undefined && { list: flags.list }),
    ...(flags.transactional !== undefined && { transactional: flags.transactional }),
    ...(flags.fromEnvironment !== undefined && { fromEnvironment: flags.fromEnvironment }),
  };
}

/** Refuses a content given in place of the list. Read as a list, it would only be said to have no addresses. */
function refuseContent(file: string): void {
  if (!/\.(?:html?|md|markdown)$/i.test(file)) return;
  throw new UserError(
    `expected a list of recipients, got what looks like a content: ${file}`,
    `give the CSV, and the content beside it or with --content ${file}`,
  );
}

async function checkReadable(file: string, cwd: string): Promise<void> {
  refuseContent(file);
  try {
    const path = pathFrom(cwd, file);
    await access(path, constants.R_OK);
    if ((await stat(path)).isDirectory()) throw Object.assign(new Error(), { code: "EISDIR" });
  } catch (error) {
    throw fileProblem(error, "the recipients", file);
  }
}

/** A list that was read and checked and can go into the job file. */
export interface StagedCampaign extends StagedList {
  /** Counts what `commit` would do, without doing it. */
  forecast(): Promise<ListForecast>;
  /** Puts everything into the job file at once. Throws `UserError` when the topic refuses the list. */
  commit(): Promise<ListAnswer>;
}

/**
 * Begins to read the list while there is no store, so that a list that cannot be used leaves none behind; null: there is a store, which
 * can refuse the topic before the list is read. Throws `UserError` as `openReading` and `ListReading` do.
 */
export async function beginList(context: Context, campaign: Campaign, timing: Timing): Promise<ListReading | null> {
  if (await hasStore(context)) return null;
  const reading = await readingOf(context, campaign, { timing, dryRun: false });
  await reading.begin();
  return reading;
}

async function readingOf(
  context: Context,
  { file, compiled, flags }: Campaign,
  options: Pick<ListOptions, "timing" | "dryRun">,
): Promise<ListReading> {
  const reading = await openReading(context.io, compiled, { file, recipients: flags, ...options });
  context.onExit(() => reading.close());
  return reading;
}

/**
 * Reads and checks the whole list; nothing is in the job file until `commit`. With `dryRun` every row is rendered and no
 * rejects file is written. `endpoint` says where the list is sent right after, when that is known. `begun`: what `beginList` gave for it. Throws `UserError` when the topic refuses the list or no row is valid.
 */
export async function stageCampaign(
  context: Context,
  store: Lists,
  campaign: Campaign,
  { begun, ...options }: { timing: Timing; dryRun: boolean; endpoint?: Endpoint; begun?: ListReading | null },
): Promise<StagedCampaign> {
  const { file, topic, content, flags, expiresInMs } = campaign;
  const replaceContent = flags.replaceContent ?? false;
  // Ask before the list is read: a long list takes a minute, and a refusal should not.
  await tellingRefusals(context, store.checkList({ topic, content, replaceContent }));
  const staging = await store.stage();
  context.onExit(() => staging.discard());
  const reading = begun ?? (await readingOf(context, campaign, options));
  const staged = await reading.stage(staging);
  await reading.close();
  for (const warning of [...pictureWarnings(campaign, staged), ...staged.warnings]) context.terminal.warn(warning);
  const endpoint = options.endpoint === undefined ? {} : { endpoint: options.endpoint };
  const target = {
    topic,
    content,
    file: nameOfList(file),
    columns: staged.columns,
    priority: 5,
    notBefore: staged.notBefore || null,
    replaceContent,
    expiresInMs,
    ...endpoint,
  };
  return {
    ...staged,
    forecast: () => staging.forecast(topic, { ...content, ...endpoint }),
    commit: async () => answerOf(staged, await tellingRefusals(context, staging.commit(target))),
  };
}

/** A list that is in the job file. */
export interface ImportedCampaign {
  topic: string;
  ingest: ListAnswer;
  /** What became of the list, in one line for people. */
  text: string;
  /** Counts of the whole topic, including what was in it before. */
  totals: Totals;
  /** Earliest instant any message of the list is due; 0: at once. */
  notBefore: number;
  /** True: the topic was only rehearsed, and the rehearsal was removed. */
  isAfresh: boolean;
}

/**
 * Reads content and list and puts them into their topic, due as `timing` says. Throws `UserError` when they cannot be
 * used; nothing is in the job file then. `isReal`: the topic is to be sent for real, so a rehearsal of it is removed, and
 * what was rehearsed is due with the list.
 */
export async function importCampaign(
  context: Context,
  file: string,
  flags: CampaignFlags,
  timing: Timing,
  { isReal = false }: { isReal?: boolean } = {},
): Promise<ImportedCampaign> {
  const campaign = await readCampaign(context.io, file, flags, context.terminal);
  const begun = await beginList(context, campaign, timing);
  const store = await context.openStore();
  campaign.topic = await storedTopic(store, campaign.topic);
  const { topic } = campaign;
  const rehearsed = isReal ? await rehearsalOf(context, store, topic, "ses") : null;
  if (rehearsed) campaign.flags = { ...campaign.flags, replaceContent: true };
  const endpoint = isReal ? ({ endpoint: "ses" } as const) : {};
  const staged = await stageCampaign(context, store, campaign, { timing, dryRun: false, begun, ...endpoint });
  const forecast = await cheapForecast(staged);
  const ingest = await staged.commit();
  const { total } = await store.totals(topic);
  const text = `${topic}: ${listText(factsAfter(ingest, forecast, total), "added")}`;
  if (rehearsed) {
    const { expiresInMs } = campaign;
    await removeRehearsal(context, store, topic, { notBefore: staged.notBefore, expiresInMs });
  }
  await remindOfPause(context, store, topic);
  return {
    topic,
    ingest,
    text,
    totals: await store.totals(topic),
    notBefore: staged.notBefore,
    isAfresh: rehearsed !== null,
  };
}

/** Warns of a local picture that is not sent with the mail: no reader would see it. */
function pictureWarnings({ content, compiled }: Campaign, { sample }: StagedList): string[] {
  if (sample === null || content.files?.inlineImages) return [];
  const [picture] = localPictures(compiled.render(sample.email, sample.values).html);
  if (picture === undefined) return [];
  return [
    `No reader will see the picture ${picture}: write inline_images: true in the front matter to send it along, or put it on a web server.`,
  ];
}

function answerOf(staged: StagedList, counts: ListCounts): ListAnswer {
  return {
    rows: staged.rows,
    added: counts.added,
    duplicates: counts.duplicates,
    rejected: staged.rejected,
    suppressed: counts.suppressed,
    rejects_file: staged.rejectsFile,
    ...(staged.warnings.length > 0 && { warnings: staged.warnings }),
  };
}
