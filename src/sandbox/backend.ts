/** What the operations of the sandbox work with. */
import type { Clock } from "../time/clock.ts";
import type { SandboxAccount } from "./account.ts";
import type { Body } from "./body.ts";
import type { CallLog } from "./call-log.ts";
import type { EventFeed } from "./event-feed.ts";
import type { FaultPlan } from "./faults.ts";
import type { Outbox } from "./outbox.ts";
import type { SendLimits } from "./send-limits.ts";
import type { SuppressionList } from "./suppression-list.ts";
import type { Template } from "./template.ts";

/** Everything that the operations read and change. */
export interface Backend {
  readonly clock: Clock;
  readonly account: SandboxAccount;
  readonly suppression: SuppressionList;
  readonly templates: Map<string, Template>;
  readonly limits: SendLimits;
  /** Recipients per second and per 24 hours (-1: unlimited), as GetAccount reports them. */
  readonly rate: number;
  readonly quota: number;
  readonly faults: FaultPlan;
  readonly outbox: Outbox | null;
  /** Called when the outbox cannot take a mail; null: nobody wants to know. */
  readonly onOutboxProblem: ((problem: Error) => void) | null;
  readonly events: EventFeed | null;
  /** Resolves when a call may be answered: at once, unless it is to wait for those who take events. */
  room(): Promise<void>;
  /** Milliseconds between the acceptance of a message and its events. */
  readonly eventDelayMs: number;
  readonly log: CallLog | null;
  /** Aborts when the sandbox closes; then nobody waits for an answer. */
  readonly closing: AbortSignal;
  /** Messages accepted since the start. */
  accepted: number;
}

/** One request, after it was read. */
export interface ApiCall {
  /** The parts of the path that stand for `{}` in the route, decoded. */
  labels: string[];
  query: URLSearchParams;
  body: Body;
  /** The region named in the signature of the request. */
  region: string;
  sourceIp: string;
  /** When the request was complete, in milliseconds: `received` on the monotonic clock, `at` since the epoch. */
  received: number;
  at: number;
}
