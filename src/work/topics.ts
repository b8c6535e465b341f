import type { Context } from "./context.ts";
import { EXIT } from "../errors.ts";
import { isoTime } from "../time/iso.ts";
import { STATES } from "../message.ts";
import type { TopicRow } from "../store/rows.ts";

/** `topics`: prints every topic, when it is due, and how many of its messages are in each state. */
export async function listTopics({ terminal, globals, openStore }: Context): Promise<number> {
  const store = await openStore({ ifMissing: "refuse" });
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
    not_before: isoTime(row.notBefore),
    cancelled_at: isoTime(row.cancelledAt),
    // Only a rehearsal needs saying.
    ...(row.endpoint === "sandbox" && { endpoint: row.endpoint }),
    total: row.total,
    ...states,
  };
}

function toCells(row: TopicRow): (string | number)[] {
  const due = row.cancelledAt !== null ? "cancelled" : (isoTime(row.notBefore) ?? "at once");
  return [
    row.topic,
    row.endpoint === "sandbox" ? `${due} (rehearsal)` : due,
    row.total,
    ...STATES.map((state) => row[state]),
  ];
}
