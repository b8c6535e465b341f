import type { EndpointFlags } from "./endpoint.ts";

/** What `send` may be told beside list and content. */
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
