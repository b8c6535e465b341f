/** Applies SES events that wait in a queue: the handler that `consume` calls. */
import type { Handler, Verdict } from "../queue/consume.ts";
import type { Delivery } from "../queue/queue.ts";
import { addTo, type ApplyOptions, type IngestSummary } from "./apply-dump.ts";
import type { EventSink } from "./event-sink.ts";
import { unwrap } from "./envelopes/envelopes.ts";
import { createRejectsFile, type RejectsFile } from "./rejects.ts";
import type { SesEvent } from "./ses-event.ts";

/** How events of a queue are applied. */
export interface EventHandlerOptions extends Omit<ApplyOptions, "signal"> {
  /** Path of the file that messages which cannot be read are copied to. */
  rejects: string;
}

type EventMessage = Delivery & { readonly body: string };

/** Takes messages of a queue that hold SES events. */
export interface EventHandler {
  /**
   * Applies the events of all messages in one transaction and says what becomes of each message. A message with a part
   * that cannot be read is refused, reported and copied to the rejects; its other events count. One that is readable
   * and holds no event is done.
   */
  handle: Handler<EventMessage>;
  /** Closes the rejects file. Call it once. */
  close(): void;
}

/** Makes a handler that adds what it does to `summary`. */
export function createEventHandler(
  sink: Pick<EventSink, "applyEvents">,
  summary: IngestSummary,
  options: EventHandlerOptions,
): EventHandler {
  const rejects = createRejectsFile(options.rejects, options.onNoRejects);
  return {
    async handle(messages) {
      const read = messages.map((message) => readMessage(message, summary, options, rejects));
      const events = read.flatMap((each) => each.events);
      if (events.length > 0) addTo(summary, await sink.applyEvents(events), events.length);
      options.onProgress(summary);
      return read.map(({ verdict }) => verdict);
    },
    close: () => rejects.close(),
  };
}

function readMessage(
  { id, body }: EventMessage,
  summary: IngestSummary,
  { onMalformed }: EventHandlerOptions,
  rejects: RejectsFile,
): { events: SesEvent[]; verdict: Verdict } {
  const items = unwrap(body);
  const events = items.flatMap((item) => ("event" in item ? item.event : []));
  const broken = items.flatMap((item) => ("malformed" in item ? item.malformed : []));
  summary.records += items.length;
  summary.ignored += items.filter((item) => "ignored" in item).length;
  if (broken.length === 0) return { events, verdict: { kind: "done" } };
  rejects.write(body);
  for (const reason of broken) {
    summary.malformed++;
    onMalformed(`SQS message ${id}`, reason);
  }
  return { events, verdict: { kind: "refused", reason: broken.join("; ") } };
}
