/** Takes over what was reported to another program: events of SES, and opens that it counted itself. */
import { addTo, emptySummary, type IngestSummary } from "../../feedback/apply-dump.ts";
import { unwrapAnywhere } from "../../feedback/envelopes/envelopes.ts";
import type { EventSink } from "../../feedback/event-sink.ts";
import { readEvent, type SesEvent } from "../../feedback/ses-event.ts";
import type { Foreign, ForeignResult } from "../../store/foreign.ts";
import { hashed } from "./names.ts";
import { instantOf } from "./time.ts";

/**
 * Applies everything that was reported. Each event counts once, however often it is read. `malformed` hears of each record that cannot be read; `breath` is called once a record.
 */
export async function adoptResults(
  foreign: Pick<Foreign, "results" | "location">,
  sink: Pick<EventSink, "applyEvents"> | null,
  { malformed, breath }: { malformed: (id: string, reason: string) => void; breath: () => Promise<void> | null },
): Promise<IngestSummary> {
  const summary = emptySummary();
  for await (const page of foreign.results()) {
    const events: SesEvent[] = [];
    for (const result of page) {
      const pause = breath();
      if (pause) await pause;
      const read = eventsOf(result, summary, malformed);
      events.push(...read);
    }
    if (sink === null) summary.events += events.length;
    else if (events.length > 0) addTo(summary, await sink.applyEvents(events), events.length);
  }
  return summary;
}

function eventsOf(
  result: ForeignResult,
  summary: IngestSummary,
  malformed: (id: string, reason: string) => void,
): SesEvent[] {
  summary.records++;
  const own = openOf(result);
  if (own !== null) return [own];
  const items = unwrapAnywhere(result.raw ?? "{}");
  const events = items.flatMap((item) => ("event" in item ? [item.event] : []));
  const broken = items.find((item) => "malformed" in item);
  if (broken !== undefined && "malformed" in broken) {
    summary.malformed++;
    malformed(result.id, broken.malformed);
  } else if (events.length === 0) summary.ignored++;
  return events;
}

/** An open that the program counted itself has no event of SES, and its row names the mail; null: it is none, or names none. */
function openOf({ id, status, raw, at, sesMessageId, email }: ForeignResult): SesEvent | null {
  if (status !== "Open" || sesMessageId === null || raw?.includes("messageId") === true) return null;
  const opened = instantOf(at);
  if (typeof opened !== "number") return null;
  const timestamp = new Date(opened).toISOString();
  const mail = { messageId: sesMessageId, destination: email === null ? [] : [email] };
  const event = readEvent({ eventType: "Open", mail, open: { timestamp } });
  // Two opens in one second are two.
  return "malformed" in event ? null : { ...event, key: hashed(`adopted open ${sesMessageId} ${id}`, 64) };
}
