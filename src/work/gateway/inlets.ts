/** All that takes mail in from brokers in one process. */
import type { InletStatus } from "../../serve/gateway.ts";
import { createDeadLog } from "./dead-log.ts";
import { createGate } from "./inlet-gate.ts";
import type { Inlet, InletsParts } from "./inlet.ts";
import { createIntakeLog } from "./intake-log.ts";

/** The inlets of a process. */
export interface Inlets {
  /** How each broker is. */
  states(): readonly InletStatus[];
  /**
   * Reads until `stop` aborts. Rejects, when everything has ended, with the `UserError` of a broker that turned out at the start to be
   * configured wrong. With no inlets it resolves at once.
   */
  run(): Promise<void>;
}

/** Makes the inlets that the settings ask for, and loads what they need. Nothing is read before they are run. */
export async function createInlets(parts: InletsParts): Promise<Inlets> {
  const { brokers, connections, store, clock, log, stop } = parts;
  const gate = createGate({ store, clock, maxPending: brokers.maxPending, tell: (text) => log.warn(text) });
  const making = { ...parts, gate, onDead: createDeadLog(log, clock) };
  const inlets: Inlet[] = [];
  if (connections.nats && brokers.nats?.inlet) {
    const { createNatsInlet } = await import("./nats-inlet.ts");
    inlets.push(createNatsInlet(making, connections.nats, { ...brokers.nats, inlet: brokers.nats.inlet }));
  }
  if (connections.redis && brokers.redis) {
    const { createRedisInlet } = await import("./redis-inlet.ts");
    inlets.push(createRedisInlet(making, connections.redis, brokers.redis));
  }
  const states = () => inlets.map((inlet) => inlet.state());
  return {
    states,
    async run() {
      const intakeLog = createIntakeLog(log, states);
      const loops = inlets.flatMap((inlet) => inlet.run());
      try {
        await allEnded(loops, stop);
      } finally {
        intakeLog.end();
      }
    },
  };
}

/** Waits for all of them. The first that fails ends the others. */
async function allEnded(loops: readonly Promise<void>[], stop: AbortController): Promise<void> {
  const stopping = loops.map((loop) => loop.catch((error: unknown) => (stop.abort(), Promise.reject(error))));
  const failed = (await Promise.allSettled(stopping)).find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}
