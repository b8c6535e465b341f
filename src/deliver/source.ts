/**
 * The source of messages, as the send loop sees it.
 *
 * Only ages and delays in milliseconds cross this contract, never instants: a source keeps time by a clock of its own, which
 * may be that of another machine.
 */

/** A message this process may hand to SES once, now. It is durably `sending` already. */
export interface Claim {
  id: number;
  topicId: number;
  contentId: number;
  ingestId: number;
  email: string;
  /**
   * JSON array of the recipient's CSV fields; with files, its last element is what `Examiner` recorded. Or the JSON object that a program
   * posted (see `readValues`).
   */
  fields: string;
  /** SES calls made for this message before this one. */
  attempts: number;
  /** Milliseconds after the turn was called at which the message expires: no call may leave then. Null: it never expires. */
  expiresInMs: number | null;
}

/** What became of a claim, to be written by the source. */
export type Settlement =
  | { kind: "sent"; id: number; topicId: number; sesMessageId: string }
  /** `isOurs`: it was refused here, and nothing left. */
  | { kind: "failed"; id: number; error: string; isOurs?: true }
  /** `name`: a broker may have it under this name. */
  | { kind: "in_doubt"; id: number; error: string; name?: string }
  /**
   * A broker has it, for others to send. It stays `sending` and is held by no process, until somebody says what became of it. It counts
   * as an attempt. `subject`: that of the mail, by which an event of a sender that does not name the message may find it. `name`: under which the
   * broker has it.
   */
  | { kind: "handed_over"; id: number; subject: string; name: string }
  /**
   * It goes back to `pending` and falls due `delayMs` after the source writes this; null: it is due as it was before.
   * `attempted` false: the call does not count as an attempt.
   */
  | { kind: "put_back"; id: number; delayMs: number | null; attempted: boolean; error: string | null };

/** Which messages a run may claim. */
export interface Scope {
  /** Only this topic, or null for all. */
  topic: string | null;
  endpoint: "ses" | "sandbox";
  /** Scheduled messages that are overdue by more than this are not claimed; null: no limit. */
  maxLateMs: number | null;
  /** Limits the mails of each address; messages beyond it stay `pending` and wait. Not set: no cap. */
  recipientCap?: RecipientCap;
  /** Topics that are not claimed for now, because too many of their mails bounce. The set is replaced, never changed. */
  held?: ReadonlySet<string>;
  /** What bulk mail leaves of the account's daily quota. Not set: nothing. */
  reserve?: Reserve;
}

/**
 * Bulk mail (priority 5 and below) is claimed only while the account has more than `keep` recipients left in its rolling 24 hours.
 * What the job has sent to the scope's endpoint since the account was asked, and what it has in flight, is taken off `left`.
 */
export interface Reserve {
  /** How many recipients are kept for other mail. */
  keep: number;
  /** How many recipients the account had left when it was asked. */
  left: number;
  /** How long ago it was asked (ms). */
  ageMs: number;
}

/** An address gets at most `count` mails in any `windowMs`. */
export interface RecipientCap {
  count: number;
  windowMs: number;
}

/** What one turn brings, and what it asks for. */
export interface TurnRequest {
  settlements: Settlement[];
  /** The most claims that the caller can take. With 0 the turn only writes answers. */
  room: number;
  /** The rate asked for, in recipients per second. */
  perSecond: number;
  /** How long after its claim a call may need until it leaves. It makes `Turn.validForMs` no longer than that. */
  withinMs: number;
  scope: Scope;
  /** When the calls of earlier claims really left, so that the rate holds where SES measures it. */
  departed: Departure[];
  /** The age of the latest departure of a call that SES throttled since the last turn; null: none was throttled. */
  throttledAgoMs: number | null;
}

/** What became of calls of an earlier turn of the same handle. Each call is told once. */
export interface Departure {
  /** `Turn.number`. A turn that the source has forgotten no longer matters to the rate. */
  turn: number;
  /** How many calls left. */
  count: number;
  /** The age of the last departure among them. */
  leftAgoMs: number;
  /** How many calls will not be made: the rate gives their places to others. */
  unused: number;
}

/** What one turn came to. */
export interface Turn {
  /** Tells the turns of one handle apart. */
  number: number;
  claims: Claim[];
  /**
   * How long the calls may be made, counted from when `turn` was called. After that the rate has no place for them any more, and
   * others may put them in doubt, so a call that has not been made by then must not be made.
   */
  validForMs: number;
  /** Milliseconds until the rate allows another message; null: nothing was found, or no room was asked for. */
  rateWaitMs: number | null;
  /** True: no other message of the scope may be claimed now. */
  drained: boolean;
  /**
   * True: it is drained, and mail of the scope waits only because its topic is being given another time or content, which takes some
   * seconds. Nobody adds anything when that ends.
   */
  isMoving: boolean;
  /** True: bulk mail is due that `Scope.reserve` keeps back. Null: more urgent mail took all the room, so nobody looked. */
  reserved: boolean | null;
  /**
   * How many messages of the scope's topic this handle has cancelled since its turn before because they had expired. There may be more:
   * a turn cancels a bounded number, and is not `drained` before it has seen all.
   */
  expired: number;
  /** The rate in force, in recipients per second: the one asked for, or less after throttling. */
  perSecond: number;
}

/** How many messages wait in a scope. */
export interface Outlook {
  /** How many messages may be claimed now. */
  due: number;
  /** How many scheduled messages are overdue by more than the scope's `maxLateMs`. */
  late: number;
  /** Milliseconds until the first of the others falls due; null: there are no others. */
  nextDueInMs: number | null;
}

/** Where the loop gets messages from, and where it writes answers. Any method may reject with AwayError. */
export interface Source {
  /** What people call it, such as `the job file /mail/ses-mail.db`. It holds no password. */
  readonly name: string;
  /**
   * Writes the answers, cancels what has expired, and claims as many messages as `room` and the rate allow, in one durable
   * transaction. Resolves after the commit. The turn also renews the lease of this handle, with `room` 0, too.
   * @throws AwayError when the source cannot be reached. Whether the turn was taken is found out by the next one: it writes no answer
   * twice, and puts back what one that was taken had claimed.
   * @throws StoppedError when the source cannot be written to for now. Nothing is written then, and the caller keeps the answers.
   */
  turn(request: TurnRequest): Promise<Turn>;
  /**
   * Ends what dead processes left in `sending`: a message that an event or a visit proves sent becomes `sent`, every other one
   * `in_doubt`. Returns how many are in doubt now. It also cancels a part of what has expired.
   */
  recover(): Promise<number>;
  /**
   * Milliseconds until a message of the scope may be claimed; 0: now; null: none waits. Counts nothing, so it is cheap. It may be 0
   * as well when a message has expired that a turn has to cancel first, or was cancelled so that a turn has to tell it.
   */
  nextDueInMs(scope: Scope): Promise<number | null>;
  /** Counts what waits. It is for people; the loop asks `nextDueInMs`. */
  outlook(scope: Scope): Promise<Outlook>;
  /**
   * How long (ms) a caller keeps answers and tries to write them again while the source cannot be written to, and how long one that
   * is away is waited for.
   */
  readonly patienceMs: number;
  /**
   * Calls `hear` when something may be due that others added. It is only a hint: what is not heard is found by looking. Returns
   * what ends it. Not set: the source cannot tell.
   */
  onChange?(hear: () => void): () => void;
}
