/** Lets send calls fail on purpose, as `--fault` says. */
import { UserError } from "../errors.ts";
import { bareAddress, domainOf } from "./address.ts";
import { dailyQuotaExceeded, messageRejected, sendingPaused, sendingRateExceeded, SesError } from "./answer.ts";
import { randomStream } from "./random.ts";

/** The kinds of faults, as `--fault` names them. */
const FAULT_KINDS = [
  "throttle",
  "quota",
  "5xx",
  "reject",
  "pause",
  "expired",
  "slow",
  "hang",
  "drop",
  "accept-then-drop",
] as const;

type FaultKind = (typeof FAULT_KINDS)[number];

/** One `--fault`. Here "calls" are the send calls that match `to`, numbered from 1 for each fault. */
export interface Fault {
  kind: FaultKind;
  /** The share of the calls it hits: more than 0 and at most 1. */
  share: number;
  /** Hits every nth call; null: a share of them. */
  every: number | null;
  /** Skips the first n calls. */
  after: number;
  /** Ends after this many calls, counted after the skipped ones; null: it never ends. */
  first: number | null;
  /** An address or `*@domain`, in lower case: only calls to it are counted and hit. Null: all calls. */
  to: string | null;
  /** Milliseconds that the answer comes later; `slow` only. */
  delayMs: number;
  seed: number;
}

/** The grammar in one line, for `--help` and error messages. */
export const FAULT_GRAMMAR = `written kind[:share|every=n][,after=n][,first=n][,to=address|*@domain][,seed=n]; kinds: ${FAULT_KINDS.join(", ")}`;

/**
 * Reads one fault as it is written on the command line:
 *
 *     kind[:setting][,setting]…
 *
 * | kind | what the caller sees |
 * |---|---|
 * | `throttle` | 429 TooManyRequestsException `Maximum sending rate exceeded.` |
 * | `quota` | 400 LimitExceededException `Daily message quota exceeded.` |
 * | `5xx` | 500 InternalFailure and 503 ServiceUnavailable in turn |
 * | `reject` | 400 MessageRejected `Address blacklisted.` |
 * | `pause` | 400 SendingPausedException |
 * | `expired` | 403 ExpiredTokenException |
 * | `slow` | the usual answer, later: needs a time, `slow:500ms`, `slow:2s` |
 * | `hang` | no answer; the message was not accepted |
 * | `drop` | the connection closes; the message was not accepted |
 * | `accept-then-drop` | the connection closes after the message was accepted: it is in the outbox, the events and the quota |
 *
 * | setting | meaning | default |
 * |---|---|---|
 * | `0.2`, `10%` | this share of the calls, picked at random | every call |
 * | `every=7` | the 7th, 14th, … call (after the skipped ones) | |
 * | `after=100` | not the first 100 calls | 0 |
 * | `first=5` | only the first 5 calls (after the skipped ones) | no end |
 * | `to=ann@example.net`, `to=*@example.net` | only calls to this address or domain | all |
 * | `seed=3` | another random choice; the same seed gives the same rehearsal | 1 |
 *
 * Only send calls are hit. A SendBulkEmail is one call. When several faults hit the same call the first one written wins;
 * the times of `slow` add up.
 *
 * Throws UserError for anything else.
 */
export function parseFault(text: string): Fault {
  const [, kind = "", settings] = /^([^:,]*)(?:[:,](.*))?$/s.exec(text) ?? [];
  if (!isFaultKind(kind)) throw unreadable(text, `"${kind}" is no kind of fault`);
  const fault: Fault = { kind, share: 1, every: null, after: 0, first: null, to: null, delayMs: 0, seed: 1 };
  const seen = new Set<string>();
  for (const setting of settings?.split(",") ?? []) {
    const name = applySetting(fault, setting.trim(), text);
    if (seen.has(name)) throw unreadable(text, `${name} is given twice`);
    seen.add(name);
  }
  if (seen.has("share") && seen.has("every")) throw unreadable(text, "a share and every=n exclude each other");
  if (kind === "slow" && !seen.has("time")) throw unreadable(text, "slow needs a time such as slow:500ms");
  return fault;
}

/** Applies one setting to the fault, and returns its name. */
function applySetting(fault: Fault, setting: string, text: string): string {
  const time = /^(\d+(?:\.\d+)?)(ms|s)$/.exec(setting);
  if (time && fault.kind === "slow") {
    fault.delayMs = Number(time[1]) * (time[2] === "s" ? 1000 : 1);
    return "time";
  }
  const share = /^(\d*\.?\d+)(%?)$/.exec(setting);
  if (share) {
    fault.share = Number(share[1]) / (share[2] === "%" ? 100 : 1);
    if (fault.share <= 0 || fault.share > 1)
      throw unreadable(text, `a share is more than 0 and at most 1 (100%), got "${setting}"`);
    return "share";
  }
  const [, name = "", value = ""] = /^([a-z]+)=(.+)$/s.exec(setting) ?? [];
  if (name === "to") fault.to = readTarget(value, text);
  else if (name === "every" || name === "first") fault[name] = readCount(name, value, 1, text);
  else if (name === "after" || name === "seed") fault[name] = readCount(name, value, 0, text);
  else throw unreadable(text, `"${setting}" is no setting`);
  return name;
}

function readCount(name: string, value: string, least: number, text: string): number {
  const count = /^\d{1,9}$/.test(value) ? Number(value) : -1;
  if (count < least) throw unreadable(text, `${name} expects a whole number of ${least} or more, got "${value}"`);
  return count;
}

function readTarget(value: string, text: string): string {
  if (!/^[^\s@]+@[^\s@]+$/.test(value)) throw unreadable(text, `to expects an address or *@domain, got "${value}"`);
  return value.toLowerCase();
}

function isFaultKind(text: string): text is FaultKind {
  return (FAULT_KINDS as readonly string[]).includes(text);
}

function unreadable(text: string, problem: string): UserError {
  return new UserError(`--fault ${text}: ${problem}`, FAULT_GRAMMAR);
}

/** What happens to one call: which fault hits it first (null: none), and how much later the answer comes. */
export interface FaultVerdict {
  kind: FaultKind | null;
  /** How often this fault has hit, this time included. */
  nth: number;
  delayMs: number;
}

/** Counts the send calls, and says which of them fail. */
export class FaultPlan {
  readonly #faults: { fault: Fault; random: () => number; calls: number; hits: number }[];

  constructor(faults: readonly Fault[]) {
    // Two faults with the same seed must not pick the same calls.
    const stream = (fault: Fault, position: number) => randomStream(fault.seed + position * 0x9e3779b9);
    this.#faults = faults.map((fault, position) => ({ fault, random: stream(fault, position), calls: 0, hits: 0 }));
  }

  /** Says what happens to the next call. Call it once for each send call, in the order they come in. */
  next(recipients: readonly string[]): FaultVerdict {
    const verdict: FaultVerdict = { kind: null, nth: 0, delayMs: 0 };
    for (const entry of this.#faults) {
      if (!matches(entry.fault.to, recipients)) continue;
      entry.calls++;
      if (!hits(entry.fault, entry.calls, entry.random)) continue;
      if (entry.fault.kind === "slow") verdict.delayMs += entry.fault.delayMs;
      else if (verdict.kind === null) Object.assign(verdict, { kind: entry.fault.kind, nth: ++entry.hits });
    }
    return verdict;
  }
}

function hits(fault: Fault, call: number, random: () => number): boolean {
  const nth = call - fault.after;
  if (nth < 1 || (fault.first !== null && nth > fault.first)) return false;
  return fault.every === null ? fault.share === 1 || random() < fault.share : nth % fault.every === 0;
}

function matches(to: string | null, recipients: readonly string[]): boolean {
  if (to === null) return true;
  const addresses = recipients.map((recipient) => bareAddress(recipient).toLowerCase());
  return to.startsWith("*@") ? addresses.some((address) => domainOf(address) === to.slice(2)) : addresses.includes(to);
}

/** The SES error that a fault answers with; null for a fault that answers nothing or something else. */
export function faultError({ kind, nth }: FaultVerdict): SesError | null {
  switch (kind) {
    case "throttle":
      return sendingRateExceeded();
    case "quota":
      return dailyQuotaExceeded();
    case "5xx":
      return nth % 2 === 1
        ? new SesError(500, "InternalFailure", "We encountered an internal error. Please try again.")
        : new SesError(503, "ServiceUnavailable", "Service is temporarily unavailable.");
    case "reject":
      return messageRejected("Address blacklisted.");
    case "pause":
      return sendingPaused();
    case "expired":
      return new SesError(403, "ExpiredTokenException", "The security token included in the request is expired");
    default:
      return null;
  }
}
