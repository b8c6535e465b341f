/** Takes over what was reported to another program: events of SES, and opens that it counted itself. */
import { addTo, emptySummary, type IngestSummary } from "../../feedback/apply-dump.ts";
import { unwrapAnywhere } from "../../feedback/envelopes/envelopes.ts";
import type { EventSink } from "../../feedback/event-sink.ts";
import { readEvent, type SesEvent } from "../../feedback/ses-event.ts";
import type { Foreign, ForeignResult } from "../../store/foreign.ts";
import { isObject } from "../../json.ts";
import { hashed } from "./names.ts";
import { instantOf } from "./time.ts";

/** What hears of reports from which no event comes. */
interface Listener {
  /** One that cannot be read. */
  malformed(id: string, reason: string): void;
  /** One that says nothing which could be kept; `why` follows "It". */
  passedOver(why: string): void;
}

/**
 * Applies everything that was reported. Each event counts once, however often it is read. `breath` is called once a record.
 */
export async function adoptResults(
  foreign: Pick<Foreign, "results" | "location">,
  sink: Pick<EventSink, "applyEvents"> | null,
  { breath, ...listener }: Listener & { breath: () => Promise<void> | null },
): Promise<IngestSummary> {
  const summary = emptySummary();
  for await (const page of foreign.results()) {
    const events: SesEvent[] = [];
    for (const result of page) {
      const pause = breath();
      if (pause) await pause;
      const read = eventsOf(result, summary, listener);
      events.push(...read);
    }
    if (sink === null) summary.events += events.length;
    else if (events.length > 0) addTo(summary, await sink.applyEvents(events), events.length);
  }
  return summary;
}

function eventsOf(result: ForeignResult, summary: IngestSummary, { malformed, passedOver }: Listener): SesEvent[] {
  summary.records++;
  const own = openOf(result);
  if (own !== null) return [own];
  const items = unwrapAnywhere(result.raw ?? "{}");
  const events = items.flatMap((item) => ("event" in item ? [item.event] : []));
  if (events.length > 0) return events;
  const stopped = finalOf(result);
  if (stopped !== null) return [stopped];
  const broken = items.find((item) => "malformed" in item);
  if (broken !== undefined && "malformed" in broken) {
    summary.malformed++;
    malformed(result.id, broken.malformed);
  } else {
    summary.ignored++;
    passedOver(whyPassedOver(result));
  }
  return [];
}

function whyPassedOver({ status, email }: ForeignResult): string {
  if (email === null) return "names a row that is not in email_requests";
  if (/^bounce$/i.test(status)) return "is a bounce, and does not say that it is final";
  return `has the status ${JSON.stringify(status.slice(0, MOST_STATUS))}, and no event of SES`;
}

const MOST_STATUS = 40;

/** A complaint, or a final bounce, of which the program kept no event of SES: nobody may be written to after that. Null: it is none. */
function finalOf({ id, status, raw, at, sesMessageId, email }: ForeignResult): SesEvent | null {
  const isComplaint = /^complaint$/i.test(status);
  if (email === null || !(isComplaint || (/^bounce$/i.test(status) && isPermanent(raw)))) return null;
  const name = hashed(`adopted ${status.toLowerCase()} ${id} ${email}`, 64);
  const time = instantOf(at);
  const when = typeof time === "number" ? { timestamp: new Date(time).toISOString() } : {};
  const event = readEvent({
    // Where the row has no id, the event is kept under one that no mail has.
    mail: { messageId: sesMessageId ?? `adopted-${name.slice(0, 32)}`, destination: [email] },
    ...(isComplaint
      ? { eventType: "Complaint", complaint: when }
      : {
          eventType: "Bounce",
          bounce: { bounceType: "Permanent", bouncedRecipients: [{ emailAddress: email }], ...when },
        }),
  });
  return "malformed" in event ? null : { ...event, key: name };
}

/** True: what stands there says that the bounce is final, in whatever form. */
function isPermanent(raw: string | null): boolean {
  try {
    const read: unknown = JSON.parse(raw ?? "null");
    const said = isObject(read) ? (isObject(read["bounce"]) ? read["bounce"] : read) : {};
    return said["bounceType"] === "Permanent";
  } catch {
    return false;
  }
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
