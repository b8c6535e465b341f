/** All that the send loop knows of where messages come from. */

/** A message this process may hand to SES once, now. It is durably `sending` already. */
export interface Claim {
  id: number;
  topicId: number;
  contentId: number;
  ingestId: number;
  email: string;
  /** JSON array of the recipient's CSV fields; behind them, of a message with files, what `Examiner` recorded. */
  fields: string;
  /** SES calls made for this message before this one. */
  attempts: number;
}

/** What became of a claim. */
export type Settlement =
  | { kind: "sent"; id: number; topicId: number; sesMessageId: string }
  | { kind: "failed"; id: number; error: string }
  | { kind: "in_doubt"; id: number; error: string }
  /** Back to pending. `attempted` false: SES never took it in, so it does not count as an attempt. */
  | { kind: "put_back"; id: number; notBefore: number | null; attempted: boolean; error: string | null };

/** Which messages a run may claim. */
export interface Scope {
  /** Only this topic, or null for all. */
  topic: string | null;
  endpoint: "ses" | "sandbox";
  /** Scheduled messages overdue by more than this are left alone; null: no limit. */
  maxLateMs: number | null;
  /** An address gets no more than `count` mails in `windowMs`; what is over it waits, and stays pending. Not set: no cap. */
  recipientCap?: RecipientCap;
  /** Topics left alone for now: too many of their mails bounce. Looked at in each turn. */
  held?: ReadonlySet<string>;
}

export interface RecipientCap {
  count: number;
  windowMs: number;
}

export interface TurnRequest {
  settlements: Settlement[];
  /** How many claims the caller has hands for. 0 settles only. */
  room: number;
  /** Recipients per second this process was asked to keep to. */
  perSecond: number;
  scope: Scope;
  /** When the calls of earlier claims really started, so that the rate is kept where SES measures it. */
  departed: Departure[];
  /** Start (monotonic ms) of the latest call that SES throttled since the last turn, or null. */
  throttledAt: number | null;
}

/** `count` calls that were to leave at `planned` left at `actual` (both monotonic ms). */
export interface Departure {
  planned: number;
  actual: number;
  count: number;
}

export interface Turn {
  claims: Claim[];
  /** The instant (monotonic ms) the claims were counted at. */
  at: number;
  /** Milliseconds until the rate allows another message, when that is what is in the way; else null. */
  rateWaitMs: number | null;
  /** Nothing (more) is due now. */
  drained: boolean;
  /** The rate in force: the one asked for, or less after throttling. */
  perSecond: number;
}

export interface Source {
  /** Writes the answers, takes what the rate allows and claims that much, in one durable transaction. */
  turn(request: TurnRequest): Promise<Turn>;
  /** Marks what processes that no longer live left in `sending` as in_doubt. Returns how many. */
  recover(): Promise<number>;
  /** How many scheduled messages of the scope are overdue by more than its `maxLateMs`. */
  countLate(scope: Scope): Promise<number>;
}
