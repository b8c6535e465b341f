/**
 * The schema of the job file. Instants are integer milliseconds since the epoch. Columns named `…_mono` are milliseconds since the
 * machine booted, which do not jump when somebody sets the clock.
 */

/** The value of `pragma application_id`, "SesM", which tells a job file from any other SQLite file. */
export const APPLICATION_ID = 0x5365734d;

/** The states of a message when these migrations were written. A released migration must not change with the program. */
const STATES = ["pending", "sending", "sent", "in_doubt", "failed", "cancelled", "suppressed"];
const STATE_LIST = STATES.map((state) => `'${state}'`).join(", ");

/** Each entry takes the file one version up (`pragma user_version`). Entries are added; a released one is never edited. */
export const MIGRATIONS: readonly string[] = [
  `
  -- One row: who this job file is. The id goes out as the tag ses-mail-job, so that an event finds its file.
  create table job (
    id text not null,
    created_at integer not null
  ) strict;
  -- Hex, because SES tags allow letters, digits, - and _ only.
  insert into job values (lower(hex(randomblob(8))), unixepoch() * 1000);

  -- One row: the rate, shared by every process on this file. \`state\` is the JSON of deliver/pace.ts.
  create table pace (
    state text not null
  ) strict;

  -- Processes that hold messages in 'sending'. A row whose process died or whose lease ran out is recovered:
  -- what it held becomes in_doubt.
  create table process (
    id integer primary key autoincrement,
    host text not null,
    pid integer not null,
    -- Start of the process, ms: tells it from a later one with the same pid.
    origin real not null,
    renewed_mono real not null,
    lease_until integer not null
  ) strict;

  -- What is said, once, however many recipients it has. \`body\` is the JSON of Content in message.ts.
  create table content (
    id integer primary key,
    hash text not null unique,
    body text not null,
    created_at integer not null
  ) strict;

  -- Counters live here so that statistics cost the same at a thousand and at ten million messages. Every statement
  -- that moves messages between states moves the counters in the same transaction.
  create table topic (
    id integer primary key,
    name text not null unique,
    content_id integer not null references content (id),
    created_at integer not null,
    not_before integer,
    cancelled_at integer,
    endpoint text check (endpoint in ('ses', 'sandbox')),
    pending integer not null default 0 check (pending >= 0),
    sending integer not null default 0 check (sending >= 0),
    sent integer not null default 0 check (sent >= 0),
    in_doubt integer not null default 0 check (in_doubt >= 0),
    failed integer not null default 0 check (failed >= 0),
    cancelled integer not null default 0 check (cancelled >= 0),
    suppressed integer not null default 0 check (suppressed >= 0),
    first_sent_at integer,
    last_sent_at integer
  ) strict;

  -- One reading of one recipients file. Column names are kept once here; a message keeps only its values.
  create table ingest (
    id integer primary key,
    topic_id integer not null references topic (id),
    file text not null,
    columns text not null,
    -- Its messages have ids in this range, and no others do: what walks a topic walks these ranges.
    first_id integer not null,
    last_id integer not null,
    created_at integer not null
  ) strict;
  create index ingest_topic on ingest (topic_id);

  create table message (
    id integer primary key,
    topic_id integer not null references topic (id),
    content_id integer not null references content (id),
    ingest_id integer not null references ingest (id),
    email text not null,
    fields text not null,
    priority integer not null default 5 check (priority between 1 and 10),
    not_before integer not null default 0,
    state text not null default 'pending' check (state in (${STATE_LIST})),
    attempts integer not null default 0,
    claimed_by integer,
    ses_message_id text,
    error text,
    sent_at integer,
    check ((state = 'sending') = (claimed_by is not null)),
    check ((state = 'sent') = (sent_at is not null)),
    check (state <> 'failed' or error is not null)
  ) strict;

  -- What a claim looks for. Pending only: it shrinks as the campaign goes out. 0 in not_before means "at once".
  create index message_pending on message (priority, topic_id, not_before, id) where state = 'pending';
  create index message_sending on message (claimed_by) where state = 'sending';
  -- Written in order of time, so it only grows at its right edge. Serves --hours and the rolling quota.
  create index message_sent on message (sent_at, topic_id) where sent_at is not null;
  create index message_ses_id on message (ses_message_id) where ses_message_id is not null;

  -- Who is in which topic: keeps anybody from being added twice. A table of its own because it can be filled in sorted
  -- order, which a unique index on message cannot: 0.8 s against 4.5 s for a million new rows.
  -- \`address\` is the lower-cased e-mail address.
  create table recipient (
    address text not null,
    topic_id integer not null,
    message_id integer not null,
    primary key (address, topic_id)
  ) strict, without rowid;

  create table suppression (
    address text primary key,
    reason text not null,
    source text not null,
    detail text,
    created_at integer not null
  ) strict, without rowid;
  `,
  `
  -- What SES said later. One row an event of a message we know; (message_id, key) makes each count once, and keeps the
  -- rows of a topic together, so that a dump is applied and a report is read along one edge of the tree.
  create table event (
    message_id integer not null,
    -- 53-bit hash of the event's key (feedback/ses-event.ts): unique enough among the handful of events of one message.
    key integer not null,
    type text not null,
    at integer,
    machine integer not null default 0,
    -- Diagnostic of a bounce, link of a click, kind of a delay, reason of a reject.
    detail text,
    primary key (message_id, key)
  ) strict, without rowid;

  -- The same by message: when each thing first happened, in milliseconds. \`mailed_at\` is when SES took it in.
  create table feedback (
    message_id integer primary key,
    ses_message_id text not null,
    mailed_at integer,
    delivered_at integer,
    bounced_at integer,
    bounce_type text,
    bounce_subtype text,
    soft_bounced_at integer,
    complained_at integer,
    opened_at integer,
    reader_opened_at integer,
    clicked_at integer,
    rejected_at integer,
    delayed_at integer
  ) strict;

  -- Events whose message is not known: another program's, or ahead of the answer that brings its SES message id.
  create table unmatched (
    key text primary key,
    ses_message_id text not null,
    body text not null,
    received_at integer not null
  ) strict, without rowid;
  create index unmatched_ses_id on unmatched (ses_message_id);

  alter table topic add column delivered integer not null default 0 check (delivered >= 0);
  alter table topic add column bounced_permanent integer not null default 0 check (bounced_permanent >= 0);
  alter table topic add column bounced_transient integer not null default 0 check (bounced_transient >= 0);
  alter table topic add column complained integer not null default 0 check (complained >= 0);
  alter table topic add column opened integer not null default 0 check (opened >= 0);
  alter table topic add column clicked integer not null default 0 check (clicked >= 0);
  alter table topic add column rejected integer not null default 0 check (rejected >= 0);
  alter table topic add column delayed integer not null default 0 check (delayed >= 0);
  `,
  `
  -- A topic may hold several contents since the gateway: verification codes under one name. \`variant\` is 0 for the topic's own
  -- content, which is what lists bring; the content's id for another one; and -message_id for what came without a topic,
  -- which is never taken for a repeat. Filled in the order of the old tree: 0.7 s for a million.
  create table variant_recipient (
    address text not null,
    topic_id integer not null,
    variant integer not null default 0,
    message_id integer not null,
    primary key (address, topic_id, variant)
  ) strict, without rowid;
  insert into variant_recipient select address, topic_id, 0, message_id from recipient order by address, topic_id;
  drop table recipient;
  alter table variant_recipient rename to recipient;

  -- No message gets an id up to this one. A backup goes on with ids of its own: links and events of mail that was sent after it
  -- was made speak of ids it never gave, and must not be taken for those of other people's mail.
  alter table job add column ids_after integer not null default 0;

  -- What needs a person: few, and looked at every few seconds.
  create index message_trouble on message (topic_id, id) where state in ('failed', 'in_doubt');

  -- Visits through our own links, all of them: by readers, by programs, and clicks by either.
  alter table feedback add column opens integer not null default 0 check (opens >= 0);
  alter table feedback add column machine_opens integer not null default 0 check (machine_opens >= 0);
  alter table feedback add column clicks integer not null default 0 check (clicks >= 0);
  -- All visits of a topic, a reader's and a program's told apart, where \`opened\` and \`clicked\` count messages.
  alter table topic add column reader_opens integer not null default 0 check (reader_opens >= 0);
  alter table topic add column machine_opens integer not null default 0 check (machine_opens >= 0);
  alter table topic add column clicks integer not null default 0 check (clicks >= 0);
  -- The same visit again (same message, link, and kind of visitor) raises this, so that nobody can fill the disk with clicks.
  alter table event add column times integer not null default 1 check (times >= 1);

  -- Who may use the gateway. A revoked key stays for the record; its name is free again.
  create table api_key (
    id integer primary key,
    name text not null,
    -- SHA-256: the key itself is shown once and never kept.
    digest blob not null unique check (length(digest) = 32),
    -- JSON array.
    scopes text not null,
    created_at integer not null,
    revoked_at integer
  ) strict;
  create unique index api_key_live on api_key (name) where revoked_at is null;

  -- What links in mails are signed with. The newest signs; the older ones stay, for mails that are out.
  create table signing_key (
    id integer primary key,
    secret blob not null check (length(secret) = 32),
    created_at integer not null
  ) strict;

  -- What requests with an Idempotency-Key were answered, for when they come again.
  create table answer (
    id integer primary key,
    caller text not null,
    key text not null,
    fingerprint text not null,
    body text not null,
    created_at integer not null,
    unique (caller, key)
  ) strict;
  create index answer_age on answer (created_at);

  -- Clients' own names of messages. Kept for good: a repeat may come any time.
  create table accepted_uuid (
    uuid text primary key,
    -- The first message made for it; null when everybody had it already.
    message_id integer,
    accepted_at integer not null
  ) strict, without rowid;
  `,
  `
  -- Nothing changes in the tables. Contents now hold what their author wrote, to be composed after rendering; a program that takes them for ready
  -- HTML would send them without their styles and without a text part, so it has to refuse the file.
  `,
  `
  -- Nothing of a paused topic is claimed. \`paused_until\` null: until somebody resumes it.
  alter table topic add column paused_at integer;
  alter table topic add column paused_until integer;
  -- Few topics are paused, and each turn looks whether the clock was set back behind the beginning of a pause.
  create index topic_paused on topic (paused_at) where paused_at is not null;
  -- When the first event of SES about one of its messages was taken in; null: none was, so nothing that only SES knows can be shown.
  alter table topic add column reported_at integer;
  -- When the first call about one of its messages may have left; null: nothing of it ever left this machine.
  alter table topic add column called_at integer;
  -- When somebody began to remove its rehearsal, which takes several transactions; null: nobody does. Nothing of it is claimed meanwhile.
  alter table topic add column afresh_at integer;
  update topic set reported_at = created_at
    where delivered + bounced_permanent + bounced_transient + complained + rejected + delayed > 0
      or opened > reader_opens + machine_opens or clicked > clicks;
  update topic set called_at = coalesce(first_sent_at, created_at)
    where first_sent_at is not null or sending + sent + in_doubt + failed > 0;

  -- 1: some of its mail tells of opens, or of clicks, through our own links. Without them only SES can tell.
  alter table topic add column tracks_opens integer not null default 0 check (tracks_opens in (0, 1));
  alter table topic add column tracks_clicks integer not null default 0 check (tracks_clicks in (0, 1));
  update topic set (tracks_opens, tracks_clicks) = (
    select ifnull(body ->> '$.tracking.opens', 0) or reader_opens + machine_opens > 0,
      ifnull(body ->> '$.tracking.clicks', 0) or clicks > 0
    from content where content.id = topic.content_id);

  -- Who unsubscribed through a mail, and how many did so of each topic.
  alter table feedback add column unsubscribed_at integer;
  alter table topic add column unsubscribed integer not null default 0 check (unsubscribed >= 0);

  -- 1: the events of a rehearsal made it, and it holds for rehearsals only.
  alter table suppression add column rehearsal integer not null default 0 check (rehearsal in (0, 1));

  -- When a request brought the message. Null: a list did, and \`ingest.created_at\` tells.
  alter table message add column created_at integer;
  -- The messages made for a uuid have the ids from \`message_id\` to this one, and no others do. Null: only the first is known.
  alter table accepted_uuid add column last_message_id integer;
  create index accepted_uuid_message on accepted_uuid (message_id) where message_id is not null;

  -- What waits, in two parts, so that a look costs the same however many topics and messages wait for later. What goes at
  -- once is found by topic, what waits for a time by that time. The third index is for a run that sends a single topic.
  drop index message_pending;
  create index message_at_once on message (priority, topic_id, id) where state = 'pending' and not_before = 0;
  create index message_timed on message (priority, not_before, topic_id, id) where state = 'pending' and not_before <> 0;
  create index message_timed_topic on message (topic_id, priority, not_before, id)
    where state = 'pending' and not_before <> 0;

  -- The topics whose bounces and complaints may hold them: few, and looked at every two seconds. 500 is the least number
  -- of answers that decides (deliver/reputation.ts).
  create index topic_judged on topic (id) where pending > 0 and delivered + bounced_permanent >= 500;

  -- The newest suppressions first; the key of the table, the address, is the rest of the index.
  create index suppression_newest on suppression (created_at);

  -- One row: sums over all topics and suppressions, so that asking for them costs the same however many there are.
  create table tally (
    topics integer not null check (topics >= 0),
    suppressions integer not null check (suppressions >= 0),
    ${STATES.map((state) => `${state} integer not null check (${state} >= 0)`).join(",\n    ")}
  ) strict;
  insert into tally select (select count(*) from topic), (select count(*) from suppression),
    ${STATES.map((state) => `(select ifnull(sum(${state}), 0) from topic)`).join(",\n    ")};
  create trigger topic_added after insert on topic begin
    update tally set topics = topics + 1, ${STATES.map((state) => `${state} = ${state} + new.${state}`).join(", ")};
  end;
  create trigger topic_counted after update of ${STATES.join(", ")} on topic begin
    update tally set ${STATES.map((state) => `${state} = ${state} + new.${state} - old.${state}`).join(", ")};
  end;
  create trigger topic_removed after delete on topic begin
    update tally set topics = topics - 1, ${STATES.map((state) => `${state} = ${state} - old.${state}`).join(", ")};
  end;
  create trigger suppression_added after insert on suppression when new.rehearsal = 0 begin
    update tally set suppressions = suppressions + 1;
  end;
  create trigger suppression_made_real after update of rehearsal on suppression begin
    update tally set suppressions = suppressions + old.rehearsal - new.rehearsal;
  end;
  create trigger suppression_removed after delete on suppression when old.rehearsal = 0 begin
    update tally set suppressions = suppressions - 1;
  end;

  -- Which start of which machine a process runs on, and whose process ids it sees. Null: an older version wrote the row.
  alter table process add column boot text;
  alter table process add column process_table text;
  -- For people: what the process does, how many turns it has taken, and the rate it asked for last (recipients per second).
  alter table process add column kind text not null default 'sender';
  alter table process add column turns integer not null default 0;
  alter table process add column per_second real;

  -- The steady time by which messages wait (store/sqlite/steady.ts): of which start of which machine, what is added to its monotonic
  -- clock, and the latest time that was kept.
  alter table job add column clock_boot text;
  alter table job add column clock_shift integer not null default 0;
  alter table job add column clock_at integer not null default 0;

  -- Where the job goes on after it was copied, since when, and of what this is a copy that cannot be used (store/moved.ts).
  alter table job add column moved_to text;
  alter table job add column moved_at integer;
  alter table job add column copy_of text;
  alter table job add column copy_id text;
  -- How far the copy is (store/archive.ts).
  alter table job add column copy_state text;
  `,
  `
  -- Which list a content belongs to (null: none), and whether one person waits for it. Both are in \`body\`, too; here SQL reads them.
  alter table content add column list text;
  alter table content add column kind text not null default 'bulk' check (kind in ('bulk', 'transactional'));
  create index content_list on content (list) where list is not null;
  -- The list of a content without its body, which stands before it and is long.
  create index content_list_of on content (id, list) where list is not null;

  -- An address may be suppressed for everything (list ''), for all bulk mail ('/bulk'), and for single lists; no list has a '/'
  -- in its name. What was an unsubscription is one from all bulk mail. A person who was forgotten is kept as a hash
  -- (store/rules/forgotten.ts), which no address looks like.
  create table list_suppression (
    address text not null,
    list text not null default '',
    reason text not null,
    source text not null,
    detail text,
    created_at integer not null,
    rehearsal integer not null default 0 check (rehearsal in (0, 1)),
    primary key (address, list)
  ) strict, without rowid;
  insert into list_suppression
    select address, iif(reason = 'unsubscribe', '/bulk', ''), reason, source, detail, created_at, rehearsal
    from suppression order by address;
  drop table suppression;
  alter table list_suppression rename to suppression;
  create index suppression_newest on suppression (created_at);
  create trigger suppression_added after insert on suppression when new.rehearsal = 0 begin
    update tally set suppressions = suppressions + 1;
  end;
  create trigger suppression_made_real after update of rehearsal on suppression begin
    update tally set suppressions = suppressions + old.rehearsal - new.rehearsal;
  end;
  create trigger suppression_removed after delete on suppression when old.rehearsal = 0 begin
    update tally set suppressions = suppressions - 1;
  end;

  -- After \`expires_at\` the message is never handed to SES. \`expires_in\`: it was given as a time from when the message is due (ms), and
  -- moves with that; null: as an instant.
  alter table message add column expires_at integer;
  alter table message add column expires_in integer;
  create index message_expiry on message (expires_at) where state = 'pending' and expires_at is not null;

  -- Contents with variables, for programs. A name has versions, the highest is the current one. \`removed_at\`: it may not be used any more.
  create table template (
    name text not null,
    version integer not null,
    content_id integer not null references content (id),
    created_at integer not null,
    removed_at integer,
    primary key (name, version)
  ) strict, without rowid;

  -- When the messages of a topic were removed (prune); it takes no others then.
  alter table topic add column pruned_at integer;
  -- How many messages of a topic were removed in each state. The counters of the topic still count them.
  create table removed (
    topic_id integer not null,
    state text not null,
    messages integer not null check (messages >= 0),
    primary key (topic_id, state)
  ) strict, without rowid;
  `,
  `
  -- What a broker brought and nobody could take, with its bytes. \`origin\` names the delivery in its broker, so that one that comes
  -- again raises \`times\`.
  create table dead_letter (
    id integer primary key autoincrement,
    source text not null,
    origin text not null,
    reason text not null,
    times integer not null default 1 check (times >= 1),
    received_at integer not null,
    last_at integer not null,
    body blob not null,
    -- What came beside the body, such as the headers of NATS; null: nothing.
    extras text,
    unique (source, origin)
  ) strict;

  -- Whoever brought these messages wants to hear what becomes of them, by this way and under this name.
  create table reported (
    message_id integer primary key,
    via text not null,
    name text not null
  ) strict;
  create index reported_name on reported (name);
  -- What is still to be told: the newest state of a message. A trigger on message fills it; only a job that tells anybody has one.
  create table report (
    via text not null,
    message_id integer not null,
    state text not null,
    primary key (via, message_id)
  ) strict, without rowid;

  -- What was handed over to a broker for others to send, and when. The message is \`sending\` and held by nobody's process (claimed_by 0)
  -- until somebody says what became of it.
  create table handed (
    message_id integer primary key,
    at integer not null,
    -- A hash of the subject (hash.ts).
    subject integer not null
  ) strict;
  create index handed_age on handed (at);
  `,
  `
  -- When a part of a cancelling was done last, which takes many transactions; null: all of it is cancelled, or the topic is open.
  alter table topic add column cancelling_at integer;
  create index topic_cancelling on topic (cancelling_at) where cancelling_at is not null;
  `,
  `
  -- When a part of giving its messages another time was done last, which takes many transactions; null: all have theirs. Nothing of it is
  -- claimed meanwhile. \`moving_to\` is the JSON of Move (store/move.ts).
  alter table topic add column moving_at integer;
  alter table topic add column moving_to text;
  create index topic_moving on topic (moving_at) where moving_at is not null;
  `,
  `
  -- A long list on its way into a new topic, which takes many transactions. Its messages, its recipients and its row of \`ingest\` are
  -- there already or will be, with an id of a topic that has no row in \`topic\`, so that nobody sees them. The last transaction makes
  -- that row and deletes this one.
  create table arriving (
    topic_id integer primary key,
    -- The name of the topic.
    topic text not null,
    content_id integer not null,
    endpoint text check (endpoint in ('ses', 'sandbox')),
    -- Its messages get ids in this range.
    first_id integer not null,
    last_id integer not null,
    -- 1: nothing will come of it, and what is there of it is being removed.
    dropped integer not null default 0 check (dropped in (0, 1)),
    -- Who puts it in, as in table process.
    host text not null,
    pid integer not null,
    origin real not null,
    boot text,
    process_table text,
    renewed_mono real not null,
    lease_until integer not null,
    -- The counters of the topic so far.
    ${STATES.map((state) => `${state} integer not null default 0 check (${state} >= 0)`).join(",\n    ")}
  ) strict;
  `,
  `
  -- A topic that was pruned: all of its messages are gone, and some of its recipients may still be there. They go when the recipients
  -- are looked through, which prune does once for all topics; then this row goes.
  create table leaving (
    topic_id integer primary key
  ) strict;
  `,
  `
  -- The topic that a list on its way joins. It is in then: its row of \`ingest\` is that topic's, its recipients and messages follow in many
  -- transactions, and whoever finds its process dead goes on with that. Null: nobody has decided yet that it is in.
  alter table arriving add column joins integer;
  `,
];
