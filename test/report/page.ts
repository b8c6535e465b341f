/** Facts for a page without a job file. */
import type { ReportFacts } from "../../src/report/facts.ts";
import { calendarOf } from "../../src/report/calendar.ts";
import type { PageOptions } from "../../src/report/page.ts";

export const OPTIONS: PageOptions = { calendar: calendarOf("UTC"), now: Date.UTC(2026, 5, 3) };

const NO_RANKS = { rows: [], others: null };

export function facts(changes: Partial<ReportFacts> = {}, counts: Partial<ReportFacts["counts"]> = {}): ReportFacts {
  return {
    counts: {
      topic: "june",
      total: 0,
      pending: 0,
      sending: 0,
      sent: 0,
      in_doubt: 0,
      failed: 0,
      cancelled: 0,
      suppressed: 0,
      delivered: 0,
      bounced_permanent: 0,
      bounced_transient: 0,
      complained: 0,
      opened: 0,
      clicked: 0,
      rejected: 0,
      delayed: 0,
      unsubscribed: 0,
      first_sent_at: null,
      last_sent_at: null,
      ...counts,
    },
    endpoint: "ses",
    cancelled: false,
    removed: 0,
    subject: "Hello",
    from: "news@example.com",
    opens: { opened: 0, opened_by_reader: 0 },
    minutes: [],
    domains: NO_RANKS,
    bounces: NO_RANKS,
    failures: NO_RANKS,
    failed: [],
    links: NO_RANKS,
    times: { delivered: 0, p50: null, p90: null, p99: null, slowest: [] },
    ...changes,
  };
}

const EVIL = `</script></style><img src=x onerror="alert(1)">'\u202e\u0007`;
const NOTHING = {
  sent: 1,
  delivered: 1,
  bounced_permanent: 0,
  bounced_transient: 0,
  complained: 0,
  opened: 1,
  opened_by_reader: 1,
  clicked: 1,
  unsubscribed: 1,
};

/** Everything somebody else may have written is an attack. */
export function hostileFacts(): ReportFacts {
  const long = "x".repeat(300);
  const ranked = <Row>(row: Row) => ({ rows: [row], others: { kinds: 2, counts: row } });
  return facts(
    {
      subject: EVIL,
      from: EVIL,
      opens: { opened: 1, opened_by_reader: 1 },
      minutes: [{ at: Date.UTC(2026, 5, 1), ...NOTHING }],
      domains: ranked({ domain: `${long}.${EVIL}`, total: 1, ...NOTHING }),
      bounces: ranked({ bounce_type: EVIL, bounce_subtype: EVIL, diagnostic: EVIL + long, messages: 1 }),
      failures: ranked({ state: "failed", error: EVIL + long, messages: 1 }),
      failed: [{ email: `${long}${EVIL}`, state: "failed", error: EVIL }],
      links: ranked({ link: `javascript:${EVIL}${long}`, messages: 1, clicks: 1, machine_clicks: 0 }),
      times: { delivered: 1, p50: 1, p90: 1, p99: 1, slowest: [{ email: `${long}${EVIL}`, ms: 90_000 }] },
    },
    {
      topic: EVIL,
      total: 2,
      sent: 1,
      failed: 1,
      delivered: 1,
      opened: 1,
      clicked: 1,
      first_sent_at: 0,
      last_sent_at: 1,
    },
  );
}
