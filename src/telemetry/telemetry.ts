/** What the gateway reports about itself to receivers outside. There are none unless one is configured. */
import type { SenderStatus } from "../deliver/sender.ts";

/** The environment variables of the process. */
export type Env = Readonly<Record<string, string | undefined>>;

/** What is known of a request after its answer. It never holds the request's URL, headers or body. */
export interface RequestFacts {
  method: string;
  /** The pattern of the route, such as `/v1/topics/:id`; null when no route matched. */
  route: string | null;
  status: number;
  durationMs: number;
}

/** Where an error came up: in a request, or, when `crash` is true, where nothing could catch it. */
export interface ErrorFacts extends Partial<Omit<RequestFacts, "durationMs">> {
  crash?: boolean;
}

/** The state of the gateway at one moment. */
export interface Snapshot {
  sender: SenderStatus;
  /** Pending messages of all topics. */
  pending: number;
}

/** Takes reports. No method throws. Only `close` waits for the network, two seconds at most. */
export interface Telemetry {
  /** Call it for 5xx answers and crashes only. */
  captureError(error: unknown, facts: ErrorFacts): void;
  request(facts: RequestFacts): void;
  /** Takes the latest state. Called every few seconds, and once more before `close`. */
  observe(snapshot: Snapshot): void;
  close(): Promise<void>;
}

/** What the reports need from the gateway. */
export interface TelemetryHooks {
  /** The version of ses-mail. */
  version: string;
  /** Told when reports begin to fail, and when they arrive again. */
  onNotice: (text: string) => void;
}

/** One receiver of reports. It gets only the reports it has a method for. */
export type Part = Partial<Telemetry> & Pick<Telemetry, "close">;
