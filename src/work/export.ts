/** The `export` command at work: one row per recipient of a topic, as CSV or as one JSON document. */
import type { Context } from "./context.ts";
import { EXIT, UserError } from "../errors.ts";
import { removedNote } from "./removed.ts";
import type { State } from "../message.ts";
import { csvFile, outputPath, writeLines } from "./output.ts";
import { type ExportRow, exportLines, surveyExport } from "../report/export.ts";
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

/** `export`: throws `UserError` for an unknown topic or a file that cannot be written. */
export async function exportTopic(context: Context, name: string, flags: ExportFlags): Promise<number> {
  const { io, globals, terminal } = context;
  if (globals.json && flags.excel && flags.output === undefined)
    throw new UserError("--excel expects CSV, got --json", "name a file with --output, or leave one of the two out");
  const store = await context.openStore({ ifMissing: "refuse", toRead: true });
  const topic = await storedTopic(store, name);
  const columns = await store.columns(topic);
  const { endpoint = null, removed = 0 } = (await store.topic(topic)) ?? {};
  const output = outputPath(io.cwd, flags.output);
  const messages = () => store.messages(topic, flags.state ?? null);
  if (globals.json && output === null)
    await writeLines(context, null, jsonLines(topic, endpoint, exportRows(messages())));
  else {
    const raw = flags.raw ?? false;
    const survey = await surveyExport(messages(), columns, { raw });
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

async function* exportRows(messages: AsyncGenerator<ExportedMessage>): AsyncGenerator<ExportRow> {
  for await (const message of messages) {
    yield {
      email: message.email,
      state: message.state,
      attempts: message.attempts,
      ses_message_id: message.sesMessageId,
      error: message.error,
      sent_at: message.sentAt,
      delivered_at: message.deliveredAt,
      bounced_at: message.bouncedAt,
      bounce_type: message.bounceType,
      bounce_subtype: message.bounceSubtype,
      complained_at: message.complainedAt,
      opened_at: message.openedAt,
      reader_opened_at: message.readerOpenedAt,
      clicked_at: message.clickedAt,
      unsubscribed_at: message.unsubscribedAt,
      fields: message.fields,
    };
  }
}

/** One JSON document, made row by row, so that memory does not grow with the topic. */
async function* jsonLines(
  topic: string,
  endpoint: Endpoint | null,
  rows: AsyncGenerator<ExportRow>,
): AsyncGenerator<string> {
  const rehearsal = endpoint === "sandbox" ? `,"endpoint":"sandbox"` : "";
  yield `{"topic":${JSON.stringify(topic)}${rehearsal},"messages":[`;
  let separator = "\n";
  for await (const row of rows) {
    yield (
      separator +
        JSON.stringify(row, (key, value: unknown) =>
          key.endsWith("_at") && typeof value === "number" ? isoTime(value) : value,
        )
    );
    separator = ",\n";
  }
  yield "]}\n";
}
