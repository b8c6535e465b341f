/** What holds of every store whatever happens in whatever order; random cases, the same ones each time (support/properties.ts). */
import { describe, expect, it } from "vitest";
import type { Prepare } from "./bench.ts";
import { eventOrder } from "./properties/event-order.ts";
import { expiryHistories } from "./properties/expiry.ts";
import { gatewayHistories } from "./properties/gateway.ts";
import { histories } from "./properties/history.ts";

const PATIENCE_MS = 600_000;

/** `share`: of the cases, for a store on which each takes longer. */
export function storeProperties(name: string, prepare: Prepare, share = 1): void {
  describe(`${name}, whatever happens in whatever order`, { timeout: PATIENCE_MS }, () => {
    it("R3–R7 G2–G5 N1–N5: nobody claimed by two, counts add up, nothing leaves sent", async () => {
      await expect(histories(prepare, share)).resolves.toBeUndefined();
    });

    it("counters are counts, and nobody gets a mail twice or more than the cap", async () => {
      await expect(gatewayHistories(prepare, share)).resolves.toBeUndefined();
    });

    it("no call leaves after its message has expired, and everything that has expired is cancelled", async () => {
      await expect(expiryHistories(prepare, share)).resolves.toBeUndefined();
    });

    it("R11 G7: any order and any copies of any events show the same, and counters that are counts", async () => {
      await expect(eventOrder(prepare, share)).resolves.toBeUndefined();
    });
  });
}
