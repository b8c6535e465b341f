/** Whether the servers that tests start can be had on this machine. */
import { whyNoNats } from "./nats-program.ts";
import { whyNoFaketime, whyNoPgBouncer, whyNoPostgres, whyNoRedis } from "./postgres/programs.ts";

const REASONS = {
  postgres: whyNoPostgres,
  pgbouncer: whyNoPgBouncer,
  faketime: whyNoFaketime,
  nats: whyNoNats,
  redis: whyNoRedis,
};

/** What tests may need of the system's packages. */
export type ServerName = keyof typeof REASONS;

/** True where a server that cannot be had is a failure, which .ci/run says. */
export const serversAreRequired = (): boolean => process.env["SES_MAIL_TEST_SERVERS"] === "required";

/** Null when all of them can be started, otherwise why not. */
export function whyNoServers(names: ServerName[]): string | null {
  for (const name of names) {
    const reason = REASONS[name]();
    if (reason !== null) return reason;
  }
  return null;
}

/**
 * True when tests that need these servers have to be skipped, for `describe.skipIf` and `it.skipIf`.
 * @throws where they are required.
 */
export function requireServers(...names: ServerName[]): boolean {
  const reason = whyNoServers(names);
  if (reason === null) return false;
  if (serversAreRequired()) throw new Error(`tests need a server: ${reason}`);
  return true;
}
