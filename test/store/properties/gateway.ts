/** Whatever is taken in, cancelled, suppressed, claimed and visited in whatever order: the counters are counts, nobody gets a mail twice. */
import { expect } from "vitest";
import fc from "../../support/properties.ts";
import type { Prepare } from "../bench.ts";
import { expectSound } from "../sound.ts";
import { operation, World } from "./gateway-world.ts";

/** Counters are counts, and nobody gets a mail twice or more than the cap. */
export async function gatewayHistories(prepare: Prepare, share: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 5, maxLength: 40, size: "max" }), async (operations) => {
      const bench = await prepare();
      try {
        const world = new World(bench);
        await world.open();
        for (const each of operations) {
          await world.play(each);
          expect(await world.wrongs()).toEqual({ twice: [], overTheCap: [], unlikeTheModel: [] });
          await expectSound(world.store, bench.clock);
          await bench.inspect();
        }
      } finally {
        await bench.dispose();
      }
    }),
    { numRuns: Math.ceil(60 * share) },
  );
}
