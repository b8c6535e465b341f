/** The `prune` command at work: removes the messages and events of topics that finished long ago. */
import { needsAnswer } from "./answered.ts";
import type { Context } from "./context.ts";
import { counted } from "../counted.ts";
import { EXIT, UserError } from "../errors.ts";
import { boundOldSpace } from "../memory.ts";
import { isServer } from "../store/address.ts";
import { printable } from "../printable.ts";
import type { Prunable, Pruned } from "../store/rows.ts";
import type { Store } from "../store/store.ts";
import { durationMs } from "../time/duration.ts";

/** Options of `prune`. */
export interface PruneFlags {
  older: string;
  dryRun?: boolean;
  yes?: boolean;
}

const DAY_MS = 86_400_000;
/** How many topics are named at most. */
const NAMED = 10;

/** `prune`: asks first unless `yes`. Throws `UserError`, and changes nothing, when the age is no duration of a day or more, or for a no. */
export async function prune(context: Context, flags: PruneFlags): Promise<number> {
  const { io, terminal, globals } = context;
  const olderThanMs = ageMs(flags.older);
  // There may be a hundred thousand topics.
  boundOldSpace();
  const store = await context.openStore({ ifMissing: "refuse", toRead: flags.dryRun === true });
  if (flags.dryRun || !flags.yes) {
    const plan = await store.prunable(olderThanMs, { named: NAMED, signal: io.signal });
    if (flags.dryRun) return tellPlan(context, plan, flags);
    if (sumOf(plan) > 0) await needsAnswer(context, "prune", "Remove this?", [...planLines(plan), ...WARNING]);
  }
  const pruned = await remove(context, store, olderThanMs);
  if (globals.json) terminal.json(pruned);
  else if (sumOf(pruned) === 0) terminal.done(`nothing to remove: ${whatIsLeft(flags)}`);
  else {
    terminal.done(`${removedText(pruned)} removed; totals stay`);
    if (pruned.messages > 0 && !isServer(globals.db))
      terminal.info(
        "The file keeps its size and fills the room with what comes next; ses-mail copy makes a small one.",
      );
  }
  return EXIT.done;
}

const WARNING = ["It cannot be brought back. These topics take no further recipients; their totals stay."];

/**
 * The age in ms. A year is 365 days.
 * @throws UserError for what is no duration of a day or more: the quota and recipients' caps are counted from the last day's messages.
 */
function ageMs(text: string): number {
  const years = /^(\d+(?:\.\d+)?)\s?y$/.exec(text.trim())?.[1];
  const ms = durationMs(years === undefined ? text : `${Number(years) * 365}d`);
  if (ms !== null && ms >= DAY_MS) return ms;
  throw new UserError(
    `--older expects a duration of at least a day, such as 90d or 2y, got ${JSON.stringify(text)}`,
    "write a number and a unit: d, w or y (at most 100 years); the last day is needed to count the quota and the caps of recipients",
  );
}

const sumOf = ({ topics, messages, events }: Pruned): number => topics + messages + events;

/** Why nothing is removed. */
const whatIsLeft = ({ older }: PruneFlags): string => `nothing finished longer than ${older.trim()} ago`;

function tellPlan({ terminal, globals }: Context, plan: Prunable, flags: PruneFlags): number {
  const { topics, messages, events } = plan;
  if (globals.json) terminal.json({ topics, messages, events });
  else if (sumOf(plan) === 0) terminal.result(`A prune would remove nothing: ${whatIsLeft(flags)}`);
  else terminal.result(["Nothing was removed. A prune would remove:", ...planLines(plan)].map(printable).join("\n"));
  return EXIT.done;
}

function planLines({ topics, oldest, single, ...removed }: Prunable): string[] {
  const named = oldest.map(({ topic, messages }) => `  ${topic}: ${counted(messages, "message")}`);
  const more = topics > NAMED ? [`  and ${counted(topics - NAMED, "topic")} more`] : [];
  const alone = single > 0 ? [`  ${counted(single, "message")} without a topic`] : [];
  return [...named, ...more, ...alone, `in all ${removedText({ topics, ...removed })}`];
}

function removedText({ topics, messages, events }: Pruned): string {
  return `${counted(topics, "topic")}, ${counted(messages, "message")}, ${counted(events, "event")}`;
}

async function remove({ io, terminal }: Context, store: Store, olderThanMs: number): Promise<Pruned> {
  const progress = terminal.progress(null, "removed");
  const began = io.clock.monotonic();
  try {
    return await store.prune(olderThanMs, {
      signal: io.signal,
      onProgress: ({ messages }) =>
        progress.update({ done: messages, perSecond: (messages * 1000) / Math.max(1, io.clock.monotonic() - began) }),
    });
  } finally {
    progress.stop();
  }
}
