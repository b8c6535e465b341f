/** Tells what happened to one message, in order, and where each fact comes from. Nothing is told that nobody knows. */
import { counted } from "../counted.ts";
import type { HistoryEvent, MessageHistory, MessageRecord, Suppression } from "../store/rows.ts";
import { EXPIRED, PROCESS_DIED } from "../store/rules/settle.ts";
import { NO_RESULT } from "../store/rules/handed.ts";
import { STEP_TYPES } from "../store/rules/steps.ts";
import { formatDuration } from "../time/duration.ts";
import { isoTime } from "../time/iso.ts";

/**
 * Where a fact comes from: the list, the request, the broker or the database of another program that brought the message, what is kept of
 * it here, the answer of SES to our call, the result that whoever took it from a broker reports, an event of SES, a link or picture in the
 * mail that leads to us, or the suppression of its address.
 */
export const HISTORY_SOURCES = [
  "list",
  "request",
  "broker",
  "program",
  "store",
  "answer",
  "result",
  "event",
  "link",
  "suppression",
] as const;

/** One of `HISTORY_SOURCES`. */
type HistorySource = (typeof HISTORY_SOURCES)[number];

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
    ...steps(known),
    ...acceptedFirst(eventsOf(known)).map((event) => eventLine(event, known)),
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

/** What SES told, and visits. */
const eventsOf = ({ history }: Known): HistoryEvent[] => history.events.filter(({ type }) => !STEP_TYPES.has(type));
const stepsOf = ({ history }: Known, type: string): HistoryEvent[] =>
  history.events.filter((each) => each.type === type);

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
  const [source, came] = cameBy(history);
  const detail = history.list ?? uuid;
  const lines = [line(createdAt, "added", source, uuid === null ? came : `${came} as ${uuid}`, { detail })];
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

function cameBy({ list, via }: MessageHistory): [source: HistorySource, text: string] {
  if (list !== null) return ["list", `added from ${list}`];
  switch (via) {
    case "nats":
      return ["broker", "brought by NATS"];
    case "redis":
      return ["broker", "brought by Redis"];
    case "adopt":
      return ["program", "adopted from another program"];
    case null:
      return ["request", "posted"];
  }
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

/** Hand-overs to a broker, and what was reported of them before what is true now. */
function steps(known: Known): HistoryLine[] {
  const handovers = stepsOf(known, "handover");
  const { state } = known.message;
  const over = handovers.map(({ at, detail }, index) => {
    const waits = state === "sending" && known.history.handedAt !== null && index === handovers.length - 1;
    const name = detail === null ? "" : ` as ${detail}`;
    return line(at, "handed_over", "store", `handed over to NATS${name}${waits ? UNHEARD : ""}`, { detail });
  });
  const earlier = stepsOf(known, "result").slice(0, isByResult(known) ? -1 : undefined);
  const told = earlier.map(({ at, detail }) =>
    line(at, "reported", "result", `whoever took it from NATS said: ${detail?.replace("_", " ")}`, { detail }),
  );
  return [...over, ...told];
}

const UNHEARD = ", and nobody has said yet what became of it";

/** True: the last result says what the message is now. */
function isByResult(known: Known): boolean {
  const { state, error } = known.message;
  const [result, handover] = [stepsOf(known, "result").at(-1), stepsOf(known, "handover").at(-1)];
  if (result?.detail !== state || error === NO_RESULT || error === PROCESS_DIED) return false;
  return (result.at ?? 0) >= (handover?.at ?? 0);
}

function departure(known: Known): HistoryLine[] {
  const { message, history } = known;
  const { sentAt, sesMessageId, attempts, createdAt } = message;
  if (sentAt === null) return [];
  const ses = history.endpoint === "sandbox" ? "the sandbox" : "SES";
  const detail = sesMessageId;
  // Events tell when SES took it in. Without an answer that is the time it was sent.
  const mailedAt = history.feedback?.mailedAt ?? sentAt;
  const isByEvent = mailedAt === sentAt && history.feedback?.mailedAt != null;
  const id = sesMessageId === null ? "" : ` as ${sesMessageId}`;
  if (isByResult(known) && !isByEvent)
    return [line(sentAt, "sent", "result", `was sent${id}, as whoever took it from NATS said`, { detail })];
  if (history.via === "adopt" && sentAt <= createdAt)
    return [line(sentAt, "sent", "program", `was sent${id}, as the other program noted`, { detail })];
  // A visit leaves its mark, and a result that does not name the id of SES leaves none.
  if (sesMessageId === null)
    return history.feedback === null
      ? [line(sentAt, "sent", "result", "was sent, as whoever took it from the broker said")]
      : [line(sentAt, "sent", "link", "was sent, because a link of it was followed")];
  const source = isByEvent ? "event" : "answer";
  const tries = attempts > 1 ? `, attempt ${attempts}` : "";
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

/** What became of a message that was not sent. When that was is kept only where a step tells it. */
function end(known: Known): HistoryLine[] {
  const { message, history } = known;
  const { state, error, attempts } = message;
  const after = attempts > 0 ? ` after ${counted(attempts, "attempt")}` : "";
  const detail = error;
  switch (state) {
    case "sent":
      return [];
    case "pending":
      return [line(null, "waits", "store", `waits to be sent${after}${said(error)}`, { detail })];
    case "sending":
      if (history.handedAt === null) return [line(null, "sending", "store", "is being handed over")];
      // One of an older version has no step.
      return stepsOf(known, "handover").length > 0
        ? []
        : [line(history.handedAt, "handed_over", "store", `handed over to a broker${UNHEARD}`)];
    case "failed":
      return [line(...toldBy(known), `failed${after}${said(error)}`, { detail })];
    case "in_doubt":
      return [line(...toldBy(known), `may have been sent, nobody knows${said(error)}`, { detail })];
    case "suppressed":
      return isByResult(known)
        ? [line(...toldBy(known), `not sent, because the address was suppressed there${said(error)}`, { detail })]
        : [line(null, "suppressed", "store", "not sent, because the address was suppressed")];
    case "cancelled":
      return isByResult(known)
        ? [line(...toldBy(known), `cancelled there${said(error)}`, { detail })]
        : [cancelled(error, history)];
  }
}

/** When it became what it is now (null: nobody knows), and who told. */
function toldBy(known: Known): [at: number | null, what: string, source: HistorySource] {
  const { state, error } = known.message;
  const refusal = stepsOf(known, "refusal").findLast(({ detail }) => detail === error);
  if (state === "failed" && refusal !== undefined) return [refusal.at, state, "store"];
  if (isByResult(known)) return [stepsOf(known, "result").at(-1)?.at ?? null, state, "result"];
  return [null, state, state === "failed" && known.history.via !== "adopt" ? "answer" : "store"];
}

function cancelled(error: string | null, { expiresAt, cancelledAt }: MessageHistory): HistoryLine {
  if (error === EXPIRED)
    return line(expiresAt, "expired", "store", "expired before it could be sent", { detail: error });
  return line(cancelledAt, "cancelled", "store", "cancelled");
}
