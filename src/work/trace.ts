/** The `trace` command at work: tells all that is known of a mail or a person, and where each fact comes from. */
import type { Context } from "./context.ts";
import { EXIT, UserError } from "../errors.ts";
import { printable, shortened } from "../printable.ts";
import type { HistoryLine } from "../report/history.ts";
import type { Found, TracedMessage } from "../serve/find-messages.ts";
import { nameOf } from "../store/address.ts";
import type { Suppression } from "../store/rows.ts";
import { FORGOTTEN_REASON } from "../store/rules/forgotten.ts";
import { ALL_BULK, EVERYTHING_LIST } from "../store/rules/suppress.ts";
import { isoTime } from "../time/iso.ts";

/** So much of what was looked for is repeated. */
const MOST_ECHOED = 100;
/** How many messages are shown at most. */
const MOST = 100;

/**
 * `trace`: resolves to 1 when nothing is known of it, as grep does. Throws `UserError` when nothing was asked for, or there is no store.
 */
export async function trace(context: Context, what: string): Promise<number> {
  const { terminal, globals } = context;
  if (what.trim() === "")
    throw new UserError(
      "trace expects an address, a uuid, a message id, an SES message id or the id of a Redis job, got none",
      "name one",
    );
  const store = await context.openStore({ ifMissing: "refuse", toRead: true });
  const serve = await import("../serve/find-messages.ts");
  const found = await serve.findMessages(store, what, MOST);
  const traced = await serve.trace(store, found.messages);
  if (globals.json) await answer(context, found, traced);
  else tell(context, found, traced);
  if (found.hasMore) terminal.info(`These are the newest ${MOST}; there are older ones.`);
  if (traced.length > 0 || found.suppressions.length > 0) return EXIT.done;
  terminal.info(`Nothing is known of ${JSON.stringify(shortened(what.trim(), MOST_ECHOED))} in ${nameOf(globals.db)}.`);
  return EXIT.partial;
}

async function answer({ terminal }: Context, { suppressions }: Found, traced: readonly TracedMessage[]): Promise<void> {
  const { historyFacts, messageFacts } = await import("../serve/message-facts.ts");
  const { suppressionFacts } = await import("../serve/suppression-facts.ts");
  terminal.json({
    messages: traced.map(({ message, history }) => ({ ...messageFacts(message), history: historyFacts(history) })),
    suppressions: suppressions.map(suppressionFacts),
  });
}

function tell(context: Context, found: Found, traced: readonly TracedMessage[]): void {
  const timeOf = timesOf(context);
  const blocks = traced.map(({ message: { topic, state, email, id }, history, isRehearsal }) => {
    const head = `${topic}${isRehearsal ? " (a rehearsal)" : ""}  ${state.replace("_", " ")}  ${email}  message ${id}`;
    return lined([head, ...history.map((each) => `  ${historyLine(each, timeOf)}`)]);
  });
  const standing = standingOf(found, timeOf);
  if (standing.length > 0 && (traced.length > 0 || found.suppressions.length > 0)) blocks.push(lined(standing));
  if (blocks.length > 0) context.terminal.result(blocks.join("\n\n"));
}

/** Each text stays in its line: reasons and diagnostics are written by others. */
const lined = (texts: readonly string[]): string => texts.map(printable).join("\n");

type TimeOf = (at: number) => string;

/** Scripts that read the lines of a pipe get the whole instant; people get their own clock. */
function timesOf({ io }: Context): TimeOf {
  // The Swedish form is the one of ISO 8601, in local time.
  const local = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "medium" });
  return (at) => (io.stdout.isTTY === true ? local.format(at) : isoTime(at));
}

const SOURCES: Readonly<Record<HistoryLine["source"], string>> = {
  list: "a list",
  request: "a request",
  broker: "a broker",
  program: "the database of another program",
  store: "the job",
  answer: "the answer to our call",
  result: "a result of whoever took it over",
  event: "an event of SES",
  link: "a link or picture that leads to us",
  suppression: "a suppression",
};

function historyLine({ at, text, detail, source }: HistoryLine, timeOf: TimeOf): string {
  const when = at === null ? "(time not known)" : timeOf(at);
  const more = source === "suppression" && detail !== null ? `: ${detail}` : "";
  return `${when}  ${text}${more}  [${SOURCES[source]}]`;
}

function standingOf({ address, suppressions }: Found, timeOf: TimeOf): string[] {
  if (suppressions.length === 0) return address === null ? [] : [`${address} is not suppressed`];
  return suppressions.map((each) => suppressionLine(each, address, timeOf));
}

function suppressionLine(
  { list, reason, source, detail, createdAt, ...row }: Suppression,
  address: string | null,
  timeOf: TimeOf,
) {
  if (reason === FORGOTTEN_REASON)
    return `${address ?? "somebody"} was forgotten on ${timeOf(createdAt)}, and is not written to`;
  const what =
    list === EVERYTHING_LIST ? "for everything" : list === ALL_BULK ? "for all bulk mail" : `for list ${list}`;
  const rehearsal = row.rehearsal ? ", in rehearsals only" : "";
  const why = detail === null ? "" : `: ${detail}`;
  return `${row.address} is suppressed ${what}${rehearsal}: ${reason} (${source}), since ${timeOf(createdAt)}${why}`;
}
