/** What decides whether a topic takes mail, in SQL. */

/** The columns of topic `t` and its counters `c` that `admit` of `rules/admit.ts` needs. */
export const ADMITTING = `t.cancelled_at as "cancelledAt", t.endpoint, t.called_at as "calledAt", t.afresh_at as "afreshAt",
  t.pruned_at as "prunedAt", c.sending`;

/** The tables that `ADMITTING` reads. Every topic has its row of counters. */
export const TOPIC = "sm.topic t join sm.topic_count c on c.topic_id = t.id";
