import { EXIT } from "../errors.ts";
import { STATES } from "../message.ts";
import type { TopicRow } from "../store/rows.ts";
import type { AddCommand } from "./command.ts";
import type { Context } from "../work/context.ts";

export const addTopics: AddCommand = (program, act) => {
  program
    .command("topics")
    .description("list the topics and the states of their messages")
    .action(act((context) => topics(context)));
};

async function topics({ terminal, globals, openStore }: Context): Promise<number> {
  const store = await openStore({ mustExist: true });
  const rows = await store.topics();
  if (globals.json) terminal.json({ topics: rows.map(toJson) });
  else if (rows.length === 0) terminal.result("no topics yet");
  else terminal.result(await terminal.table(["topic", "due", "total", ...STATES], rows.map(toCells)));
  return EXIT.done;
}

function toJson(row: TopicRow) {
  const states = Object.fromEntries(STATES.map((state) => [state, row[state]]));
  return {
    topic: row.topic,
    not_before: iso(row.notBefore),
    cancelled_at: iso(row.cancelledAt),
    total: row.total,
    ...states,
  };
}

function toCells(row: TopicRow): (string | number)[] {
  const due = row.cancelledAt !== null ? "cancelled" : (iso(row.notBefore) ?? "at once");
  return [row.topic, due, row.total, ...STATES.map((state) => row[state])];
}

function iso(instant: number | null): string | null {
  return instant === null ? null : new Date(instant).toISOString();
}
