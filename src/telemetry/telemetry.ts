/** What the gateway reports of itself to receivers outside: to none, unless one is configured. */
import type { SenderStatus } from "../deliver/sender.ts";

export type Env = Readonly<Record<string, string | undefined>>;

/** What is known of a request once it is answered. Never its address, headers or body. */
export interface RequestFacts {
  method: string;
  /** The pattern, such as `/v1/topics/:id`; null: no route matched. */
  route: string | null;
  status: number;
  durationMs: number;
}

/** Where an error came up: in a request, or, when `crash`, where nothing could catch it. */
export interface ErrorFacts extends Partial<Omit<RequestFacts, "durationMs">> {
  crash?: boolean;
}

export interface Snapshot {
  sender: SenderStatus;
  /** Messages that wait, of all topics. */
  pending: number;
}

/** Nothing of it throws or waits for the network, except `close`, which takes two seconds at most. */
export interface Telemetry {
  /** To be called for 5xx answers and crashes only. */
  captureError(error: unknown, facts: ErrorFacts): void;
  request(facts: RequestFacts): void;
  /** The latest state; called every few seconds, and once more before `close`. */
  observe(snapshot: Snapshot): void;
  close(): Promise<void>;
}

export interface TelemetryHooks {
  /** Of ses-mail. */
  version: string;
  /** Heard when reports begin to fail, and when they arrive again. */
  onNotice: (text: string) => void;
}

/** One receiver of reports: it hears what it has methods for. */
export type Part = Partial<Telemetry> & Pick<Telemetry, "close">;
