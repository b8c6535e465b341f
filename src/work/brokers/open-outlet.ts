/** The outlet of a process: what takes mail instead of SES. */
import type { MailService } from "../../deliver/mailer.ts";
import type { Store } from "../../store/store.ts";
import type { Clock } from "../../time/clock.ts";
import type { Connections } from "./connections.ts";
import type { BrokerSettings } from "./settings.ts";

/** Makes it, and loads what it needs; null: mail goes to SES. */
export async function openOutlet(
  { outlet }: Pick<BrokerSettings, "outlet">,
  { nats }: Pick<Connections, "nats">,
  { store: { jobId }, clock }: { store: Pick<Store, "jobId">; clock: Clock },
): Promise<MailService | null> {
  if (outlet === null || nats === null) return null;
  const { createOutlet } = await import("./outlet.ts");
  return createOutlet({ nats, subject: outlet.subject, stream: outlet.stream, jobId, clock });
}
