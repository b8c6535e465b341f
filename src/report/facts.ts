import type {
  BounceReason,
  Breakdown,
  DeliveryTimes,
  DomainCounts,
  FailedRecipient,
  FailureReason,
  LinkCounts,
  OpenCounts,
  TimeCounts,
} from "../store/breakdown.ts";
import type { Endpoint } from "../store/rows.ts";
import type { Ranked } from "../store/rules/tally.ts";
import { countsOf, type TopicCounts } from "./stats.ts";

const MINUTE_MS = 60_000;
const DOMAINS = 20;
const REASONS = 20;
const LINKS = 20;
/** Addresses a page may list of one kind: `export` has them all. */
export const LISTED = 50;

/** All a page says of one topic, as it stood at one instant. */
export interface ReportFacts {
  counts: TopicCounts;
  endpoint: Endpoint | null;
  cancelled: boolean;
  subject: string;
  from: string;
  opens: OpenCounts;
  /** Minute by minute. */
  minutes: TimeCounts[];
  domains: Ranked<DomainCounts>;
  bounces: Ranked<BounceReason>;
  failures: Ranked<FailureReason>;
  failed: FailedRecipient[];
  links: Ranked<LinkCounts>;
  times: DeliveryTimes;
}

export async function gatherFacts(lines: Breakdown): Promise<ReportFacts> {
  const { topic, subject, from } = lines;
  return {
    counts: countsOf(topic),
    endpoint: topic.endpoint,
    cancelled: topic.cancelledAt !== null,
    subject,
    from,
    opens: await lines.opens(),
    minutes: await lines.byTime(MINUTE_MS),
    domains: await lines.byDomain(DOMAINS),
    bounces: await lines.bounceReasons(REASONS),
    failures: await lines.failures(REASONS),
    failed: await lines.failedRecipients(LISTED),
    links: await lines.links(LINKS),
    times: await lines.deliveryTimes(LISTED),
  };
}
