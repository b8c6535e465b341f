import type { Clock } from "../time/clock.ts";
import type { Account } from "./account.ts";
import type { Body } from "./body.ts";
import type { CallLog } from "./call-log.ts";
import type { EventFeed } from "./event-feed.ts";
import type { FaultPlan } from "./faults.ts";
import type { Outbox } from "./outbox.ts";
import type { SendLimits } from "./send-limits.ts";
import type { SuppressionList } from "./suppression-list.ts";
import type { Template } from "./template.ts";

/** The account behind the endpoint: everything the operations read and change. */
export interface Backend {
  readonly clock: Clock;
  readonly account: Account;
  readonly suppression: SuppressionList;
  readonly templates: Map<string, Template>;
  readonly limits: SendLimits;
  /** Recipients per second and per 24 hours, as GetAccount reports them. */
  readonly rate: number;
  readonly quota: number;
  readonly faults: FaultPlan;
  readonly outbox: Outbox | null;
  readonly events: EventFeed | null;
  readonly eventDelayMs: number;
  readonly log: CallLog | null;
  /** Aborts when the sandbox closes: nobody waits for an answer any more. */
  readonly closing: AbortSignal;
  /** Messages accepted since the start. */
  accepted: number;
}

/** One request, read. */
export interface Call {
  /** What stood for the `{}` of the route's path, decoded. */
  labels: string[];
  query: URLSearchParams;
  body: Body;
  /** From the credential scope of the signature. */
  region: string;
  sourceIp: string;
  /** When the request was complete, on the monotonic clock and on the wall clock, milliseconds. */
  received: number;
  at: number;
}
