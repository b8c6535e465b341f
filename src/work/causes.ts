/** Why messages of a topic failed or are in doubt, and what to do about them: the last lines of a run. */
import { aboutAll, aboutTopic } from "./commands.ts";
import type { Context } from "./context.ts";
import { count, counted } from "../counted.ts";
import type { Totals } from "../message.ts";
import type { FailedMessage } from "../store/rows.ts";
import { patternOf } from "../store/rules/pattern.ts";
import { createTally } from "../store/rules/ranking.ts";
import type { Reader, Topics } from "../store/store.ts";
import { shortened } from "../printable.ts";

/** The most messages whose errors are read. Of a topic with more, the latest are. */
const MOST_READ = 10_000;
const SHOWN_CAUSES = 3;
/** A text of SES may be long, and these lines are read in a terminal. */
const LONGEST_CAUSE = 120;

/**
 * A line for what failed of the topic and one for what is in doubt: how many, why, and the commands that help. None when
 * there is nothing of that kind. `prefix` names the topic when the lines before do not.
 */
export async function troubleLines(
  context: Pick<Context, "io" | "globals">,
  store: Reader & Topics,
  topic: string,
  prefix = "",
): Promise<string[]> {
  const totals = await store.totals(topic);
  if (totals.failed === 0 && totals.in_doubt === 0) return [];
  const read = await store.failedMessages(topic, MOST_READ);
  const lines: string[] = [];
  if (totals.failed > 0) lines.push(`${prefix}${failedLine(context, topic, totals, read)}`);
  if (totals.in_doubt > 0) lines.push(`${prefix}${doubtLine(context, topic, totals, read)}`);
  return lines;
}

type Where = Pick<Context, "io" | "globals">;

function failedLine(where: Where, topic: string, totals: Totals, read: FailedMessage[]): string {
  const see = aboutTopic(where, "export", topic, "--state failed");
  const again = aboutTopic(where, "retry", topic, "--state failed");
  return `${count(totals.failed)} failed: ${causesOf("failed", totals.failed, read)}; see: ${see}; again: ${again}`;
}

function doubtLine(where: Where, topic: string, totals: Totals, read: FailedMessage[]): string {
  const see = aboutTopic(where, "export", topic, "--state in_doubt");
  const again = aboutTopic(where, "retry", topic, "--state in_doubt");
  const ingest = aboutAll(where, "ingest-events", "<events>");
  return (
    `${count(totals.in_doubt)} in doubt (SES may have them; they are not sent again by themselves): ` +
    `${causesOf("in_doubt", totals.in_doubt, read)}; see: ${see}; ` +
    `an event settles them: ${ingest}; or send them again, perhaps twice: ${again}`
  );
}

/** `3 × Address is …, 2 × …`; when not all were read, the causes come without counts. */
function causesOf(state: "failed" | "in_doubt", total: number, read: FailedMessage[]): string {
  const ours = read.filter((message) => message.state === state);
  const tally = createTally<{ cause: string }>();
  for (const { error } of ours) tally.add({ cause: patternOf(error ?? "no reason is known") }, 1);
  const { rows, others } = tally.ranked(SHOWN_CAUSES, { cause: "" });
  const isWhole = ours.length === total;
  const texts = rows.map(({ cause, messages }) => (isWhole ? `${count(messages)} × ${short(cause)}` : short(cause)));
  if (others !== null)
    texts.push(isWhole ? `${count(others.counts.messages)} for ${counted(others.kinds, "other reason")}` : "…");
  return `${isWhole ? "" : "mostly "}${texts.join(", ")}`;
}

function short(cause: string): string {
  const text = cause.replace(/[.;\s]+$/, "");
  return shortened(text, LONGEST_CAUSE);
}
