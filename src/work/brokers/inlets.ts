/** All that takes mail in from brokers in one process, and all that tells them what became of it. */
import type { InletStatus } from "../../serve/gateway.ts";
import { allEnded } from "./all-ended.ts";
import { createDeadLog } from "./dead-log.ts";
import { createGate } from "./inlet-gate.ts";
import type { Inlet, InletsParts } from "./inlet.ts";
import { createIntakeLog } from "./intake-log.ts";
import type { Teller } from "./teller.ts";

/** The inlets of a process, and what tells those who brought mail what becomes of it. */
export interface Inlets {
  /** How each broker is. */
  states(): readonly InletStatus[];
  /** To be called when a message may have been settled, so that it is told soon. */
  wake(): void;
  /**
   * Reads until `stop` aborts. Rejects, when everything has ended, with the `UserError` of a broker that turned out at the start to be
   * configured wrong. With no inlets it resolves at once.
   */
  run(): Promise<void>;
  /** Tells what is still to be told, for some seconds at most. To be called when nothing is sent any more. */
  end(): Promise<void>;
}

/** Makes the inlets that the settings ask for, and loads what they need. Nothing is read before they are run. */
export async function createInlets(parts: InletsParts): Promise<Inlets> {
  const { log, stop } = parts;
  const inlets = await inletsOf(parts);
  const states = () => inlets.map((inlet) => inlet.state());
  let teller: Teller | null = null;
  return {
    states,
    wake: () => teller?.wake(),
    async run() {
      teller = await startTelling(parts);
      const intakeLog = createIntakeLog(log, states);
      const loops = inlets.flatMap((inlet) => inlet.run());
      try {
        await allEnded(loops, stop);
      } finally {
        intakeLog.end();
      }
    },
    end: async () => teller?.end(),
  };
}

async function inletsOf(parts: InletsParts): Promise<Inlet[]> {
  const { brokers, connections, store, clock, log, sends } = parts;
  const { nats, redis } = connections;
  const tell = (text: string) => log.warn(text);
  const gate = createGate({ store, clock, maxPending: brokers.maxPending, tellsAway: !sends, tell });
  const making = { ...parts, gate, onDead: createDeadLog(log, clock) };
  const inlets: Inlet[] = [];
  if (nats && brokers.nats?.inlet) {
    const { createNatsInlet } = await import("./nats-inlet.ts");
    inlets.push(createNatsInlet(making, nats, { ...brokers.nats, inlet: brokers.nats.inlet }));
  }
  if (redis && brokers.redis) {
    const { createRedisInlet } = await import("./redis-inlet.ts");
    inlets.push(createRedisInlet(making, redis, brokers.redis));
  }
  if (nats && brokers.outlet) {
    const { createResultsInlet } = await import("./results-inlet.ts");
    inlets.push(createResultsInlet(making, nats, brokers.outlet));
  }
  return inlets;
}

/** Starts to tell those who brought mail what becomes of it. Null: nobody is told. */
async function startTelling({ brokers, connections, store, clock, log, onBug }: InletsParts): Promise<Teller | null> {
  const { nats, redis } = connections;
  const resultsSubject = brokers.nats?.results ?? null;
  if (resultsSubject === null && redis === null) return null;
  const { startTeller } = await import("./teller.ts");
  return startTeller({
    store,
    clock,
    nats: resultsSubject === null ? undefined : (nats ?? undefined),
    resultsSubject: resultsSubject ?? "",
    redis: redis ?? undefined,
    tell: (text) => log.warn(text),
    onBug,
  });
}
