/** Tells what happened to one message, in order, and where each fact comes from. Nothing is told that nobody knows. */
import { counted } from "../counted.ts";
import type { HistoryEvent, MessageHistory, MessageRecord, Suppression } from "../store/rows.ts";
import { EXPIRED } from "../store/rules/settle.ts";
import { formatDuration } from "../time/duration.ts";
import { isoTime } from "../time/iso.ts";

/**
 * Where a fact comes from: the list or the request that brought the message, what is kept of it here, the answer of SES to our call, an
 * event of SES, a link or picture in the mail that leads to us, or the suppression of its address.
 */
type HistorySource = "list" | "request" | "store" | "answer" | "event" | "link" | "suppression";

/** One thing that happened to a message. */
export interface HistoryLine {
  /** Milliseconds since the epoch; null: it happened, and nobody knows when. */
  at: number | null;
  /** One word for programs, such as `added`, `sent`, `delivered`, `bounced`, `clicked`. */
  what: string;
  source: HistorySource;
  /** For people, in English. */
  text: string;
  /** What the source says: the file, the uuid, the SES message id, the diagnostic, the link; null: nothing. */
  detail: string | null;
  /** True: a program opened or clicked, not a reader. */
  machine: boolean;
  /** How often it happened. */
  times: number;
}

/** What is known of a message. */
export interface Known {
  message: MessageRecord;
  history: MessageHistory;
  /** Those of its address. */
  suppressions: readonly Suppression[];
}

/** What happened to a message, in order of time. What nobody knows the time of comes last. */
export function historyOf(known: Known): HistoryLine[] {
  const lines = [
    ...beginning(known),
    ...suppressed(known),
    ...departure(known),
    ...acceptedFirst(known.history.events).map((event) => eventLine(event, known)),
    ...visits(known),
    ...end(known),
    ...known.history.kept.map(({ type, at, receivedAt }) =>
      line(
        at ?? receivedAt,
        "kept_event",
        "event",
        `an event (${type.replace("_", " ")}) is kept and waits for its message`,
      ),
    ),
  ];
  // Sorting is stable: what has the same time stays in the order in which it must have happened.
  return lines.sort((a, b) => (a.at ?? Number.POSITIVE_INFINITY) - (b.at ?? Number.POSITIVE_INFINITY) || 0);
}

/** Nothing can happen to a mail before SES has accepted it, also where both have the same time. */
function acceptedFirst(events: readonly HistoryEvent[]): HistoryEvent[] {
  return [...events.filter(({ type }) => type === "send"), ...events.filter(({ type }) => type !== "send")];
}

function line(
  at: number | null,
  what: string,
  source: HistorySource,
  text: string,
  { detail = null, machine = false, times = 1 }: Partial<Pick<HistoryLine, "detail" | "machine" | "times">> = {},
): HistoryLine {
  return { at, what, source, text, detail, machine, times };
}

function beginning({ message, history }: Known): HistoryLine[] {
  const { createdAt, notBefore, uuid } = message;
  const source = history.list === null ? "request" : "list";
  const added =
    history.list === null
      ? line(createdAt, "added", source, uuid === null ? "posted" : `posted as ${uuid}`, { detail: uuid })
      : line(createdAt, "added", source, `added from ${history.list}`, { detail: history.list });
  const lines = [added];
  if (notBefore !== null)
    lines.push(
      line(createdAt, "scheduled", source, `scheduled for ${isoTime(notBefore)}`, { detail: isoTime(notBefore) }),
    );
  if (history.expiresAt !== null) {
    const until = isoTime(history.expiresAt);
    lines.push(line(createdAt, "expires", source, `not to be sent after ${until}`, { detail: until }));
  }
  return lines;
}

/** The suppressions that explain what became of the message, and those that came after it. */
function suppressed({ message, suppressions }: Known): HistoryLine[] {
  return suppressions
    .filter(({ createdAt }) => message.state === "suppressed" || createdAt >= message.createdAt)
    .map((each) => {
      const { createdAt, reason, detail, rehearsal } = each;
      const text = `the address is suppressed: ${reason}${rehearsal ? ", for rehearsals only" : ""}`;
      return line(createdAt, "address_suppressed", "suppression", `${text} (${each.source})`, { detail });
    });
}

function departure({ message, history }: Known): HistoryLine[] {
  const { sentAt, sesMessageId, attempts } = message;
  if (sentAt === null) return [];
  const ses = history.endpoint === "sandbox" ? "the sandbox" : "SES";
  const tries = attempts > 1 ? `, attempt ${attempts}` : "";
  const detail = sesMessageId;
  // A visit leaves its mark, and a result that does not name the id of SES leaves none.
  if (sesMessageId === null)
    return history.feedback === null
      ? [line(sentAt, "sent", "answer", "was sent, as whoever took it from the broker said")]
      : [line(sentAt, "sent", "link", "was sent, because a link of it was followed")];
  // Without an answer the time is the one that the first event told.
  const mailedAt = history.feedback?.mailedAt ?? sentAt;
  const source = mailedAt === sentAt && history.feedback?.mailedAt != null ? "event" : "answer";
  // SES took it in before its answer was written down here.
  return [line(Math.min(sentAt, mailedAt), "sent", source, `${ses} took it in as ${sesMessageId}${tries}`, { detail })];
}

const EVENTS: Readonly<Record<string, [what: string, text: string]>> = {
  send: ["accepted", "SES accepted it"],
  complaint: ["complained", "complaint"],
  reject: ["rejected", "SES rejected it"],
  rendering_failure: ["rejected", "SES could not render it"],
  delivery_delay: ["delayed", "delivery is delayed"],
  subscription: ["subscription", "the recipient changed the subscription at SES"],
};

function eventLine(event: HistoryEvent, known: Known): HistoryLine {
  const { type, at, machine, detail, times, isVisit } = event;
  const given = { detail, machine, times };
  const source = isVisit ? "link" : "event";
  if (type === "open" || type === "click") {
    const did = type === "open" ? "opened" : "clicked";
    return line(
      at,
      did,
      source,
      `${did} by ${machine ? "a program" : "the reader"}${timesText(times)}${said(detail)}`,
      given,
    );
  }
  if (type === "delivery") return line(at, "delivered", source, `delivered${tookText(at, known)}`, given);
  if (type === "bounce") return line(at, "bounced", source, `${bounceText(at, known)}${said(detail)}`, given);
  const [what, text] = EVENTS[type] ?? ["event", `event ${type}`];
  return line(at, what, source, `${text}${said(detail)}`, given);
}

const said = (detail: string | null): string => (detail === null ? "" : `: ${detail}`);
const timesText = (times: number): string => (times > 1 ? `, ${times} times since` : "");

function tookText(at: number | null, { message, history }: Known): string {
  const from = history.feedback?.mailedAt ?? message.sentAt;
  return at === null || from === null || at < from ? "" : ` after ${formatDuration(at - from)}`;
}

/** Which kind a bounce is of is known of the first of each kind. */
function bounceText(at: number | null, { message, history: { feedback } }: Known): string {
  const { bounceType, bounceSubtype } = message;
  const isHard = feedback !== null && feedback.bouncedAt !== null && feedback.bouncedAt === at;
  const isSoft = feedback !== null && feedback.softBouncedAt !== null && feedback.softBouncedAt === at;
  if (isHard) return `hard bounce, ${bounceType}/${bounceSubtype}`;
  if (isSoft) return feedback.bouncedAt === null ? `soft bounce, ${bounceType}/${bounceSubtype}` : "soft bounce";
  return "bounce";
}

/** What our own picture and the link to unsubscribe told. Only the first time is kept. */
function visits({ message, history: { feedback, events } }: Known): HistoryLine[] {
  if (feedback === null) return [];
  const { opens, machineOpens, readerOpenedAt, unsubscribedAt } = feedback;
  // SES tells of opens, too, and then the first of all may be one of those.
  const isOfSes = (at: number | null) => events.some(({ type, at: when }) => type === "open" && when === at);
  const lines: HistoryLine[] = [];
  const opened = (at: number | null, times: number, machine: boolean) => {
    const text = `opened by ${machine ? "a program" : "the reader"}${times > 1 ? `, ${times} times in all` : ""}`;
    lines.push(line(at === null || isOfSes(at) ? null : at, "opened", "link", text, { machine, times }));
  };
  if (opens > 0) opened(readerOpenedAt, opens, false);
  if (machineOpens > 0) opened(message.openedAt === readerOpenedAt ? null : message.openedAt, machineOpens, true);
  if (unsubscribedAt !== null) {
    const isEvent = events.some(({ type, at }) => type === "subscription" && at === unsubscribedAt);
    lines.push(line(unsubscribedAt, "unsubscribed", isEvent ? "event" : "link", "unsubscribed"));
  }
  return lines;
}

/** What became of a message that was not sent. When that was is not kept. */
function end({ message, history }: Known): HistoryLine[] {
  const { state, error, attempts } = message;
  const after = attempts > 0 ? ` after ${counted(attempts, "attempt")}` : "";
  const detail = error;
  switch (state) {
    case "sent":
      return [];
    case "pending":
      return [line(null, "waits", "store", `waits to be sent${after}${said(error)}`, { detail })];
    case "sending":
      return history.handedAt === null
        ? [line(null, "sending", "store", "is being handed to SES")]
        : [
            line(
              history.handedAt,
              "handed_over",
              "store",
              "handed over to a broker, and nobody has said yet what became of it",
            ),
          ];
    case "failed":
      return [line(null, "failed", "answer", `failed${after}${said(error)}`, { detail })];
    case "in_doubt":
      return [line(null, "in_doubt", "store", `may have been sent, nobody knows${said(error)}`, { detail })];
    case "suppressed":
      return [line(null, "suppressed", "store", "not sent, because the address was suppressed")];
    case "cancelled":
      return [cancelled(error, history)];
  }
}

function cancelled(error: string | null, { expiresAt, cancelledAt }: MessageHistory): HistoryLine {
  if (error === EXPIRED)
    return line(expiresAt, "expired", "store", "expired before it could be sent", { detail: error });
  return line(cancelledAt, "cancelled", "store", "cancelled");
}
