/** The lines in the log that tell how much was taken in from brokers. */
import type { FastifyBaseLogger } from "fastify";
import type { InletStatus } from "../../serve/gateway.ts";

/** What was taken in since the last line is told so often. */
const EVERY_MS = 180_000;

/** Writes a line for each inlet that did something, every few minutes. `end` writes the last ones. */
export function createIntakeLog(
  log: Pick<FastifyBaseLogger, "info">,
  states: () => readonly InletStatus[],
): { end(): void } {
  const told = new Map<string, { accepted: number; duplicates: number; dead: number }>();
  const tell = () => {
    for (const { kind, counts } of states()) {
      const before = told.get(kind) ?? { accepted: 0, duplicates: 0, dead: 0 };
      const now = { ...counts, dead: [...counts.dead.values()].reduce((sum, count) => sum + count, 0) };
      told.set(kind, now);
      const accepted = now.accepted - before.accepted;
      const duplicates = now.duplicates - before.duplicates;
      const dead = now.dead - before.dead;
      if (accepted + duplicates + dead > 0) log.info({ accepted, duplicates, dead }, `${kind}: taken in`);
    }
  };
  const timer = setInterval(tell, EVERY_MS);
  return {
    end() {
      clearInterval(timer);
      tell();
    },
  };
}
