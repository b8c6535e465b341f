/** What `serve` and `work` both say in their logs of brokers and of what comes in. */
import type { FastifyBaseLogger } from "fastify";
import type { Telemetry } from "../../telemetry/telemetry.ts";
import { type BrokerFlags, type BrokerSettings, hasInlet, inletNames } from "../brokers/settings.ts";
import { CAP_OF_JOBS } from "./sending.ts";

/** Says which brokers there are, and which settings nobody may expect. */
export function tellBrokers(
  log: Pick<FastifyBaseLogger, "debug" | "info" | "warn">,
  flags: BrokerFlags & { recipientCap?: string },
  brokers: BrokerSettings,
): void {
  const { used = [], ignored = [] } = flags.oldNames ?? {};
  if (used.length > 0) log.debug(`settings of older programs: ${used.join("; ")}`);
  if (ignored.length > 0)
    log.info(
      `${ignored.join(" and ")} ${ignored.length === 1 ? "does" : "do"} nothing: there is no scheduler to wait for, and failed mail is tried again by itself`,
    );
  for (const name of inletNames(brokers)) log.info(`taking mail in from ${name}`);
  if (brokers.outlet !== null) {
    const { subject, results } = brokers.outlet;
    log.info(`handing mail over to nats ${subject}: others send it, and report on ${results}`);
  }
  if (flags.redis !== undefined && flags.recipientCap === undefined && flags.send !== false)
    log.info(
      `at most ${CAP_OF_JOBS} mails to one address, because of --redis; --recipient-cap says otherwise, and holds for all mail`,
    );
  if (flags.sandbox === true && hasInlet(brokers))
    log.warn("rehearsal: what brokers bring is taken from them for good, and goes to the sandbox only");
}

/** Tells of a bug that did not end the process. */
export function bugLog(log: Pick<FastifyBaseLogger, "error">, telemetry: Telemetry): (error: unknown) => void {
  return (error) => {
    log.error({ err: error }, "a bug in ses-mail: work with a broker failed, and is tried again");
    telemetry.captureError(error, {});
  };
}
