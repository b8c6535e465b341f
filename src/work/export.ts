/** The `export` command at work: one row per recipient of a topic, as CSV or as one JSON document. */
import { setImmediate } from "node:timers/promises";
import type { Context } from "./context.ts";
import { EXIT, InterruptedError, UserError } from "../errors.ts";
import { boundOldSpace, boundYoungSpace } from "../memory.ts";
import { removedNote } from "./removed.ts";
import type { State } from "../message.ts";
import { csvFile, outputPath, writeLines } from "./output.ts";
import { emailColumns, type ExportRow, exportLines, surveyExport } from "../report/export.ts";
import type { Endpoint, ExportedMessage } from "../store/rows.ts";
import { storedTopic } from "../store/topic-name.ts";
import { isoTime } from "../time/iso.ts";

/** Options of `export`. */
export interface ExportFlags {
  /** Only messages in these states. */
  state?: State[];
  output?: string;
  raw?: boolean;
  /** Begins the file with a byte order mark. */
  excel?: boolean;
}

/** Young garbage may take so much: a page is garbage as soon as it is written. */
const YOUNG_MB = 2;

/** `export`: throws `UserError` for an unknown topic or a file that cannot be written. */
export async function exportTopic(context: Context, name: string, flags: ExportFlags): Promise<number> {
  const { io, globals, terminal } = context;
  if (globals.json && flags.excel && flags.output === undefined)
    throw new UserError("--excel expects CSV, got --json", "name a file with --output, or leave one of the two out");
  boundOldSpace();
  const store = await context.openStore({ ifMissing: "refuse", toRead: true });
  const topic = await storedTopic(store, name);
  const columns = await store.columns(topic);
  const { endpoint = null, removed = 0 } = (await store.topic(topic)) ?? {};
  const output = outputPath(io.cwd, flags.output);
  const states = flags.state ?? null;
  const messages = () => store.messages(topic, states);
  if (globals.json && output === null)
    await writeLines(context, null, jsonLines(topic, endpoint, exportRows(messages())));
  else {
    const raw = flags.raw ?? false;
    // Only what a raw export says depends on every row.
    const doubtful = raw
      ? unlessStopped(messages(), io.signal)
      : store.messagesUnlike(topic, states, emailColumns(columns), io.signal);
    const survey = await surveyExport(doubtful, columns, { raw });
    const lines = exportLines(exportRows(messages()), columns, { raw, survey });
    await writeLines(context, output, csvFile(lines, flags));
  }
  if (removed > 0) terminal.info(removedNote(topic, removed));
  if (endpoint === "sandbox") terminal.info(`"${topic}" was only rehearsed: nothing of it left this machine.`);
  if (output !== null) {
    if (globals.json) terminal.json({ topic, output });
    else terminal.info(`wrote ${output}`);
  }
  return EXIT.done;
}

/** The pages, until a signal comes. SQLite never waits, so without the pause none would be noticed. */
async function* unlessStopped<Page>(pages: AsyncIterable<Page>, signal: AbortSignal): AsyncGenerator<Page> {
  for await (const page of pages) {
    await setImmediate();
    if (signal.aborted) throw new InterruptedError();
    yield page;
  }
}

async function* exportRows(pages: AsyncGenerator<ExportedMessage[]>): AsyncGenerator<ExportRow[]> {
  for await (const page of pages) {
    boundYoungSpace(YOUNG_MB);
    yield page.map((message) => ({
      email: message.email,
      state: message.state,
      attempts: message.attempts,
      ses_message_id: message.sesMessageId,
      error: message.error,
      sent_at: isoTime(message.sentAt),
      delivered_at: isoTime(message.deliveredAt),
      bounced_at: isoTime(message.bouncedAt),
      bounce_type: message.bounceType,
      bounce_subtype: message.bounceSubtype,
      complained_at: isoTime(message.complainedAt),
      opened_at: isoTime(message.openedAt),
      reader_opened_at: isoTime(message.readerOpenedAt),
      clicked_at: isoTime(message.clickedAt),
      unsubscribed_at: isoTime(message.unsubscribedAt),
      fields: message.fields,
    }));
  }
}

/** One JSON document, made page by page, so that memory does not grow with the topic. */
async function* jsonLines(
  topic: string,
  endpoint: Endpoint | null,
  pages: AsyncGenerator<ExportRow[]>,
): AsyncGenerator<string> {
  const rehearsal = endpoint === "sandbox" ? `,"endpoint":"sandbox"` : "";
  yield `{"topic":${JSON.stringify(topic)}${rehearsal},"messages":[`;
  let separator = "\n";
  for await (const page of pages) {
    yield separator + page.map((row) => JSON.stringify(row)).join(",\n");
    separator = ",\n";
  }
  yield "]}\n";
}
