import { EXIT, UserError } from "../errors.ts";
import { STATES, type State } from "../message.ts";
import type { ExportRow } from "../report/export.ts";
import type { ExportedMessage } from "../store/rows.ts";
import { storedTopic } from "../store/topic-name.ts";
import { outputPath } from "./options.ts";
import type { AddCommand } from "./command.ts";
import type { Context } from "../work/context.ts";

interface Flags {
  state?: string;
  output?: string;
  raw?: boolean;
}

export const addExport: AddCommand = (program, act) => {
  program
    .command("export")
    .description("write one CSV row per recipient: state, reason, times, and the recipient's own columns")
    .argument("<topic>")
    .option("--state <list>", `only these states, of ${STATES.join(",")}`)
    .option("--output <file>", "file instead of stdout")
    .option("--raw", "write cells as they are, also those a spreadsheet would run as formulas")
    .action(act<Flags>((context, flags, [topic]) => exportTopic(context, topic ?? "", flags)));
};

async function exportTopic(context: Context, name: string, flags: Flags): Promise<number> {
  const { io, globals, terminal } = context;
  const states = flags.state === undefined ? null : parseStates(flags.state);
  const store = await context.openStore({ mustExist: true });
  const topic = await storedTopic(store, name);
  const columns = await store.columns(topic);
  const { exportLines, surveyExport } = await import("../report/export.ts");
  const { writeOutput } = await import("../report/output.ts");
  const output = outputPath(io.cwd, flags.output);
  const messages = () => store.messages(topic, states);
  const raw = flags.raw ?? false;
  if (globals.json && output === null) await writeOutput(null, jsonLines(topic, exportRows(messages())), io);
  else {
    const survey = await surveyExport(messages(), columns, { raw });
    await writeOutput(output, exportLines(exportRows(messages()), columns, { raw, survey }), io);
  }
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
      clicked_at: message.clickedAt,
      fields: message.fields,
    };
  }
}

/** One JSON document, written as it is read. */
async function* jsonLines(topic: string, rows: AsyncGenerator<ExportRow>): AsyncGenerator<string> {
  yield `{"topic":${JSON.stringify(topic)},"messages":[`;
  let separator = "\n";
  for await (const row of rows) {
    yield (
      separator +
        JSON.stringify(row, (key, value: unknown) =>
          key.endsWith("_at") && typeof value === "number" ? new Date(value).toISOString() : value,
        )
    );
    separator = ",\n";
  }
  yield "]}\n";
}

function parseStates(text: string): State[] {
  const names = text.split(",").map((name) => name.trim());
  const unknown = names.find((name) => !(STATES as readonly string[]).includes(name));
  if (unknown === undefined) return [...new Set(names)] as State[];
  throw new UserError(
    `--state expects one or more of ${STATES.join(",")}, got ${JSON.stringify(unknown)}`,
    "separate several with commas",
  );
}
