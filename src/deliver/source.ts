/**
 * All that the send loop knows of where messages come from.
 *
 * No instant of a process's clock crosses this contract, only ages and delays in milliseconds: each source keeps time by a clock of
 * its own, which may be that of another machine.
 */

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
  /**
   * Back to pending, due `delayMs` after the source writes it; null: due as it was. `attempted` false: SES never took it in, so it
   * does not count as an attempt.
   */
  | { kind: "put_back"; id: number; delayMs: number | null; attempted: boolean; error: string | null };

/** Which messages a run may claim. */
export interface Scope {
  /** Only this topic, or null for all. */
  topic: string | null;
  endpoint: "ses" | "sandbox";
  /** Scheduled messages overdue by more than this are left alone; null: no limit. */
  maxLateMs: number | null;
  /** An address gets no more than `count` mails in `windowMs`; what is over it waits, and stays pending. Not set: no cap. */
  recipientCap?: RecipientCap;
  /** Topics left alone for now: too many of their mails bounce. Replaced as a whole, never changed. */
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
  /** When the calls of earlier claims really left, so that the rate is kept where SES measures it. */
  departed: Departure[];
  /** How long ago the latest call that SES throttled since the last turn had left; null: none was throttled. */
  throttledAgoMs: number | null;
}

/** The `count` calls of an earlier turn of the same handle. */
export interface Departure {
  /** Its number. A turn the source no longer knows is too old to matter to the rate. */
  turn: number;
  /** How long ago the last of the calls left. 0: not all have left, so they count as leaving now. */
  leftAgoMs: number;
  count: number;
}

export interface Turn {
  /** Tells the turns of one handle apart. */
  number: number;
  claims: Claim[];
  /**
   * How long the claims are ours, counted from when `turn` was called. Afterwards others may take them for lost: a call not made by
   * then must not be made.
   */
  validForMs: number;
  /** Milliseconds until the rate allows another message, when that is what is in the way; else null. */
  rateWaitMs: number | null;
  /** Nothing (more) is due now. */
  drained: boolean;
  /** The rate in force: the one asked for, or less after throttling. */
  perSecond: number;
}

/** What waits in a scope. */
export interface Outlook {
  /** How many messages may be claimed now. */
  due: number;
  /** How many scheduled messages are overdue by more than the scope's `maxLateMs`. */
  late: number;
  /** When the first of the others falls due; null: there are none. */
  nextDueInMs: number | null;
}

export interface Source {
  /**
   * Writes the answers, takes what the rate allows and claims that much, in one durable transaction.
   * @throws StoppedError when the source cannot be written to for now. Nothing is written then, and the answers are still the caller's.
   */
  turn(request: TurnRequest): Promise<Turn>;
  /** Marks what processes that no longer live left in `sending` as in_doubt. Returns how many. */
  recover(): Promise<number>;
  /** When a message of the scope may be claimed: 0 now; null: none waits. Counts nothing, so it is cheap. */
  nextDueInMs(scope: Scope): Promise<number | null>;
  /** Counts what waits: for people, not for the loop. */
  outlook(scope: Scope): Promise<Outlook>;
  /** How long a caller keeps answers in hand, and tries to write them again, while the source cannot be written to. */
  readonly patienceMs: number;
}
