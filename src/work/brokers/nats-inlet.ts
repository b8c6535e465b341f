/** Mail that comes from NATS. */
import { noCounts } from "../../intake/broker/inlet.ts";
import { readNatsMail } from "../../intake/broker/nats-mail.ts";
import { createTemplateShelf } from "../../intake/templates.ts";
import type { Nats, NatsDelivery } from "../../queue/nats/nats.ts";
import { type NatsPlace, natsName } from "./settings.ts";
import { type Inlet, type InletQueue, type Making, readQueue, toldCounts } from "./inlet.ts";

/** While one batch is committed, the next is received and read. */
const LANES = 2;

/** Makes the inlet. With a subject for `results` those who published mail are told there what becomes of it. */
export function createNatsInlet(
  making: Making,
  nats: Nats,
  { inlet, results }: { inlet: NatsPlace; results: string | null },
): Inlet {
  const name = natsName(inlet);
  const counts = noCounts();
  const queue: InletQueue<NatsDelivery> = {
    source: "nats",
    counts,
    queue: nats.queue(results === null ? inlet : { ...inlet, results }),
    read: (delivery) => readNatsMail(delivery, { reports: results !== null }),
    extrasOf: ({ extras }) => extras,
    templates: createTemplateShelf(making.store),
    lanes: LANES,
  };
  return {
    state: () => ({ kind: "nats", name, isConnected: nats.isConnected(), counts: toldCounts(counts) }),
    run: () => [readQueue(making, queue)],
  };
}
