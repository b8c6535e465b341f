/** docs/moving.md says of every variable, column and key of the five programs where it is now. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

const text = readFileSync(new URL("../../docs/moving.md", import.meta.url), "utf8");

/** What each of them read or kept, as its own documentation and code have it. */
const THEIRS: Record<string, string> = {
  "aws-ses-sender": `SERVER_PORT SERVER_URL API_KEY AWS_REGION AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SES_FROM_EMAIL
    MAX_SEND_PER_SECOND DB_MAX_CONNECTIONS DB_MIN_CONNECTIONS DB_ACQUIRE_TIMEOUT_SECS DB_IDLE_TIMEOUT_SECS
    SEND_CHANNEL_BUFFER POST_SEND_CHANNEL_BUFFER SENTRY_DSN SENTRY_TRACES_SAMPLE_RATE RUST_LOG
    topic_id content_id message_id email scheduled_at status error created_at updated_at deleted_at raw request_id`,
  "aws-ses-sender-go": `AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_REGION EMAIL_SENDER SES_CONFIG_SET SERVER_PORT API_KEY
    SERVER_HOST DB_PATH DB_MAX_OPEN_CONNS DB_MAX_IDLE_CONNS DB_CONN_MAX_LIFETIME DB_CONN_MAX_IDLE_TIME EMAIL_RATE
    MAX_CONCURRENT SENTRY_DSN ENV
    topic_id content_id message_id to scheduled_at status error created_at updated_at deleted_at raw request_id`,
  "messages-api-gateway": `DATABASE_URL API_KEY SERVER_PORT SERVER_HOST NATS_URL NATS_STREAM NATS_SUBJECT BATCH_SIZE
    SCHEDULER_INTERVAL DB_MAX_CONNECTIONS DB_MIN_CONNECTIONS DB_MAX_LIFETIME_SECS DB_IDLE_TIMEOUT_SECS RUST_LOG
    topic_id to_email content_id scheduled_at status error created_at updated_at raw request_id`,
  "messages-email-sender": `NATS_URL STREAM SUBJECT CONSUMER SES_RATE_PER_SEC FROM_EMAIL CONCURRENCY_LIMIT
    AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_REGION RUST_LOG`,
  "A Redis queue": `REDIS_HOST REDIS_PORT REDIS_PASSWORD REDIS_DATABASE REDIS_STREAM_NAME REDIS_CONSUMER_GROUP
    REDIS_MAX_RETRIES REDIS_RETRY_DELAY SES_FROM_EMAIL
    email:send email:send:priority email:send:delayed email:job:{id} email:send:dlq email:status:{id} email:progress:{issueId}
    template:{name} rate:limit:{email} verification:code:{email}
    id type to subject template templateData priority delay attempts maxAttempts createdAt`,
};

it.each(Object.entries(THEIRS))("%s: everything has its row", (program, names) => {
  const [, section = ""] = text.split(`\n## ${program}\n`);
  const rows = (section.split("\n## ")[0] ?? "").split("\n").filter((line) => line.startsWith("| "));
  const named = new Set(
    rows.flatMap((row) => [...(row.split(" | ")[0] ?? "").matchAll(/`([^`]+)`/g)].map(([, name]) => name)),
  );
  // A table with some of its columns: `email_results` (`request_id`, …).
  const missing = names.split(/\s+/).filter((name) => !named.has(name) && !named.has(`email_requests.${name}`));
  expect(missing).toEqual([]);
});
