/** Whatever is taken in, cancelled, suppressed, claimed and visited in whatever order: the counters are counts, nobody gets a mail twice. */
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "../support/properties.ts";
import { expect, it } from "vitest";
import { operation, World } from "./gateway-world.ts";

/** A disk in memory where there is one: this is about what is written, not about how durable it is. */
const FOLDER = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

it("counters are counts, ids stay in their ranges, and nobody gets a mail twice or more than the cap", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 5, maxLength: 40, size: "max" }), async (operations) => {
      const folder = await mkdtemp(join(FOLDER, "ses-mail-model-"));
      const world = new World(join(folder, "job.db"));
      try {
        await world.open();
        for (const each of operations) {
          await world.play(each);
          expect(world.wrongs()).toEqual({ twice: [], overTheCap: [], pendingInCancelled: [] });
        }
      } finally {
        world.close();
        await rm(folder, { recursive: true, force: true });
      }
    }),
    { numRuns: 60 },
  );
});
