/**
 * The schema on PostgreSQL. Columns mean what they mean in the job file (../sqlite/schema.ts). Instants are milliseconds since the
 * epoch, by the clock of the database.
 *
 * It differs from the job file where PostgreSQL does:
 *
 * - The counters of a topic are a table of their own, `topic_count`. Every update writes a new version of a row, and one without an
 *   indexed column is pruned without a vacuum. So the busy columns lie apart from those that indexes need.
 * - There are no foreign keys: checking one locks the row of the topic, which all processes share.
 * - There is no `tally`: totals over all topics are sums over `topic_count`. The only trigger is the one that fills `report`.
 * - `handle` has every open handle that ever wrote, and the number of its last write (./handle.ts).
 */

/** The oldest and the newest program that may work on a schema are told apart by two numbers in `job`; this is the newest. */
export const SCHEMA_VERSION = 3;

const STATES = ["pending", "sending", "sent", "in_doubt", "failed", "cancelled", "suppressed"];
const EVENT_COUNTERS = [
  "delivered",
  "bounced_permanent",
  "bounced_transient",
  "complained",
  "opened",
  "clicked",
  "rejected",
  "delayed",
  "reader_opens",
  "machine_opens",
  "clicks",
  "unsubscribed",
];

/** A table that is updated all the time: room for new versions on the same page, and a vacuum that comes early. */
const BUSY = "with (fillfactor = 30, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)";

/**
 * Each entry takes the schema one version up, in a transaction. Entries are added; a released one is never edited. `breaks`: an older
 * program may not go on working on the new schema. `sm.` stands for the name of the schema.
 */
export const MIGRATIONS: readonly { sql: string; breaks: boolean }[] = [
  {
    breaks: true,
    sql: `
  create table sm.pace (
    one boolean primary key default true check (one),
    state text not null,
    -- When the server was started that wrote it. The row is not durable, so after a restart it may be an old one.
    postmaster timestamptz not null
  ) ${BUSY};

  create table sm.handle (
    id bigint generated always as identity primary key,
    -- Random: finds the row when the answer to its first COMMIT was lost.
    token text not null unique,
    number bigint not null,
    host text not null,
    pid int not null,
    boot text not null,
    process_table text,
    -- Start of the process, ms: tells it from a later one with the same pid.
    origin double precision not null,
    seen_at bigint not null,
    -- Null: it never took a turn, so it holds no messages.
    lease_until bigint,
    turns bigint not null default 0,
    -- The rate that its last turn asked for.
    per_second double precision,
    -- When others took it for dead. The row is kept for a day, so that "no row" can only mean that the database went back.
    lost_at bigint
  ) ${BUSY};

  create table sm.content (
    id bigint generated always as identity primary key,
    hash text not null unique,
    body text not null,
    created_at bigint not null,
    list text collate "C",
    kind text not null default 'bulk' check (kind in ('bulk', 'transactional'))
  );
  create index content_list on sm.content (list) where list is not null;

  create table sm.topic (
    id int generated always as identity primary key,
    name text collate "C" not null unique,
    content_id bigint not null,
    created_at bigint not null,
    not_before bigint,
    cancelled_at bigint,
    endpoint text check (endpoint in ('ses', 'sandbox')),
    paused_at bigint,
    paused_until bigint,
    reported_at bigint,
    called_at bigint,
    afresh_at bigint,
    -- When a process last cancelled some of its messages, while others are still to be cancelled; null: none are.
    cancelling_at bigint,
    tracks_opens boolean not null default false,
    tracks_clicks boolean not null default false,
    pruned_at bigint
  );
  create index topic_paused on sm.topic (paused_at) where paused_at is not null;
  create index topic_cancelling on sm.topic (cancelling_at) where cancelling_at is not null;

  create table sm.topic_count (
    topic_id int primary key,
    ${[...STATES, ...EVENT_COUNTERS].map((name) => `${name} bigint not null default 0 check (${name} >= 0)`).join(",\n    ")},
    first_sent_at bigint,
    last_sent_at bigint
  ) ${BUSY};

  create table sm.ingest (
    id bigint generated always as identity primary key,
    topic_id int not null,
    file text not null,
    columns text not null,
    first_id bigint not null,
    last_id bigint not null,
    created_at bigint not null
  );
  create index ingest_topic on sm.ingest (topic_id, id);

  create table sm.message (
    id bigint primary key,
    content_id bigint not null,
    ingest_id bigint not null,
    not_before bigint not null default 0,
    claimed_by bigint,
    sent_at bigint,
    created_at bigint,
    topic_id int not null,
    priority smallint not null default 5 check (priority between 1 and 10),
    attempts int not null default 0,
    state text not null default 'pending' check (state in (${STATES.map((state) => `'${state}'`).join(", ")})),
    email text not null,
    fields text not null,
    ses_message_id text,
    error text,
    expires_at bigint,
    expires_in bigint,
    check ((state = 'sending') = (claimed_by is not null)),
    check ((state = 'sent') = (sent_at is not null)),
    check (state <> 'failed' or error is not null)
  ) with (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0,
          autovacuum_analyze_scale_factor = 0.02);
  create index message_at_once on sm.message (priority, topic_id, id) where state = 'pending' and not_before = 0;
  create index message_timed on sm.message (priority, not_before, topic_id, id)
    where state = 'pending' and not_before <> 0;
  create index message_timed_topic on sm.message (topic_id, priority, not_before, id)
    where state = 'pending' and not_before <> 0;
  -- Not "where state = 'sending'": a planner that finds claims by this index reads all that a process ever claimed while something
  -- keeps old versions alive. With this condition only what asks for claimed_by itself uses it.
  create index message_claimed on sm.message (claimed_by) where claimed_by is not null;
  create index message_sent on sm.message (sent_at, topic_id) where sent_at is not null;
  create index message_ses_id on sm.message (ses_message_id) where ses_message_id is not null;
  create index message_expiry on sm.message (expires_at) where state = 'pending' and expires_at is not null;
  create index message_trouble on sm.message (topic_id, id) where state in ('failed', 'in_doubt');

  create table sm.recipient (
    address text collate "C" not null,
    topic_id int not null,
    variant bigint not null default 0,
    message_id bigint not null,
    primary key (address, topic_id, variant)
  );

  create table sm.suppression (
    address text collate "C" not null,
    list text collate "C" not null default '',
    reason text not null,
    source text not null,
    detail text,
    created_at bigint not null,
    rehearsal boolean not null default false,
    primary key (address, list)
  );
  create index suppression_newest on sm.suppression (created_at, address, list);

  create table sm.event (
    message_id bigint not null,
    key bigint not null,
    type text not null,
    at bigint,
    machine boolean not null default false,
    detail text,
    times int not null default 1 check (times >= 1),
    primary key (message_id, key)
  );

  create table sm.feedback (
    message_id bigint primary key,
    ses_message_id text not null,
    mailed_at bigint,
    delivered_at bigint,
    bounced_at bigint,
    bounce_type text,
    bounce_subtype text,
    soft_bounced_at bigint,
    complained_at bigint,
    opened_at bigint,
    reader_opened_at bigint,
    clicked_at bigint,
    rejected_at bigint,
    delayed_at bigint,
    opens bigint not null default 0 check (opens >= 0),
    machine_opens bigint not null default 0 check (machine_opens >= 0),
    clicks bigint not null default 0 check (clicks >= 0),
    unsubscribed_at bigint
  -- Room on the page for what comes later of the same messages: a delivery, opens, clicks.
  ) with (fillfactor = 70);

  create table sm.unmatched (
    -- A digest: the key of an event may be too long for an index.
    key text collate "C" primary key,
    ses_message_id text not null,
    body text not null,
    received_at bigint not null
  );
  create index unmatched_ses_id on sm.unmatched (ses_message_id);

  create table sm.api_key (
    id bigint generated always as identity primary key,
    name text not null,
    digest bytea not null unique check (length(digest) = 32),
    scopes text not null,
    created_at bigint not null,
    revoked_at bigint
  );
  create unique index api_key_live on sm.api_key (name) where revoked_at is null;

  create table sm.signing_key (
    id bigint generated always as identity primary key,
    secret bytea not null check (length(secret) = 32),
    created_at bigint not null
  );

  create table sm.answer (
    id bigint generated always as identity primary key,
    caller text not null,
    key text not null,
    fingerprint text not null,
    body text not null,
    created_at bigint not null,
    unique (caller, key)
  );
  create index answer_age on sm.answer (created_at);

  create table sm.accepted_uuid (
    uuid text collate "C" primary key,
    message_id bigint,
    last_message_id bigint,
    accepted_at bigint not null
  );
  create index accepted_uuid_message on sm.accepted_uuid (message_id) where message_id is not null;

  create table sm.template (
    name text collate "C" not null,
    version int not null,
    content_id bigint not null,
    created_at bigint not null,
    removed_at bigint,
    primary key (name, version)
  );

  create table sm.removed (
    topic_id int not null,
    state text not null,
    messages bigint not null check (messages >= 0),
    primary key (topic_id, state)
  );

  -- Tables of rows that are being staged (./staged-rows.ts). What a dead process left is dropped by the next.
  create table sm.staging (
    name text primary key,
    handle_token text not null,
    host text not null,
    pid int not null,
    process_table text,
    renewed_at bigint not null
  );
`,
  },
  {
    breaks: false,
    sql: `
  create table sm.dead_letter (
    id bigint generated always as identity primary key,
    source text not null,
    origin text not null,
    reason text not null,
    times int not null default 1 check (times >= 1),
    received_at bigint not null,
    last_at bigint not null,
    body bytea not null,
    extras text,
    unique (source, origin)
  );

  create table sm.reported (
    message_id bigint primary key,
    via text not null,
    name text not null
  );
  create index reported_name on sm.reported (name);
  -- A trigger on message fills it; only a job that tells anybody has one.
  create table sm.report (
    via text collate "C" not null,
    message_id bigint not null,
    state text not null,
    primary key (via, message_id)
  ) ${BUSY};

  create table sm.handed (
    message_id bigint primary key,
    at bigint not null,
    subject bigint not null
  );
  create index handed_age on sm.handed (at);
`,
  },
  {
    breaks: true,
    sql: `
  -- When a part of giving its messages another time was done last; null: all have theirs. What is to be done is in moving_to (JSON).
  alter table sm.topic add column moving_at bigint, add column moving_to text;
  create index topic_moving on sm.topic (moving_at) where moving_at is not null;
`,
  },
];
