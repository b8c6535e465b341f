import type { EndpointFlags } from "./endpoint.ts";

/** Options of `send`, without those of the list and the content. */
export interface SendFlags extends EndpointFlags {
  maxAttempts: number;
  max?: number;
  maxLate?: string;
  onQuota: "stop" | "wait";
  /** Percent; Infinity: off. */
  maxBounceRate: number;
  maxComplaintRate: number;
  retryInDoubt?: boolean;
  dryRun?: boolean;
  testTo?: string;
  yes?: boolean;
}
