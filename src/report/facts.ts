/** Collects all figures that a report page shows of one topic. */
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
import type { Ranked } from "../store/rules/ranking.ts";
import { type Known, type Knowledge, knownCounts } from "../store/rules/event-counters.ts";
import { readHead } from "./head.ts";
import { countsOf, type TopicCounts } from "./stats.ts";

const MINUTE_MS = 60_000;
const DOMAINS = 20;
const REASONS = 20;
const LINKS = 20;
/** The most addresses that a list on the page shows; `export` has them all. */
export const LISTED = 50;

/** All figures of one topic, as they were when they were read. */
export interface ReportFacts {
  counts: TopicCounts;
  endpoint: Endpoint | null;
  cancelled: boolean;
  /** How many of its messages were removed: they are in `counts` only. */
  removed: number;
  /** As the first recipient got it. */
  subject: string;
  from: string;
  /** Null where nobody can know, as in `domains`. */
  opens: Known<OpenCounts>;
  /** Counts for each minute in which something happened. */
  minutes: TimeCounts[];
  domains: Ranked<Known<DomainCounts>>;
  bounces: Ranked<BounceReason>;
  failures: Ranked<FailureReason>;
  failed: FailedRecipient[];
  links: Ranked<LinkCounts>;
  times: DeliveryTimes;
}

/**
 * Reads the figures of one topic: the 20 most frequent domains, reasons and links, and at most `LISTED` addresses of
 * each kind.
 */
export async function gatherFacts(lines: Breakdown): Promise<ReportFacts> {
  const { topic } = lines;
  return {
    counts: countsOf(topic),
    endpoint: topic.endpoint,
    cancelled: topic.cancelledAt !== null,
    removed: topic.removed,
    ...(await readHead(lines)),
    opens: knownCounts(await lines.opens(), topic),
    minutes: await lines.byTime(MINUTE_MS),
    domains: knownRanks(await lines.byDomain(DOMAINS), topic),
    bounces: await lines.bounceReasons(REASONS),
    failures: await lines.failures(REASONS),
    failed: await lines.failedRecipients(LISTED),
    links: await lines.links(LINKS),
    times: await lines.deliveryTimes(LISTED),
  };
}

function knownRanks<Row extends object>({ rows, others }: Ranked<Row>, topic: Knowledge): Ranked<Known<Row>> {
  return {
    rows: rows.map((row) => knownCounts(row, topic)),
    others: others === null ? null : { ...others, counts: knownCounts(others.counts, topic) },
  };
}
