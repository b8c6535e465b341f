/** The stand-in that the tests of `consume` use is a broker like any other. */
import { MemoryBroker } from "../support/memory-broker.ts";
import { brokerContract } from "./contract.ts";

for (const buries of [true, false]) {
  brokerContract(`in memory, ${buries ? "with" : "without"} dead letters`, async (options) => {
    const broker = new MemoryBroker({ ...options, buries });
    return {
      open: () => broker.open(),
      put: async (...texts) => broker.put(...texts),
      goAway: async () => broker.goAway(),
    };
  });
}
