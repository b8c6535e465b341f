/** Decides in memory what proofs make of many messages, one after the other, and has it written at once. */
import { type Proof, type Proven, prove } from "../rules/prove.ts";
import type { Tx } from "./transaction.ts";
import { createProver, type Provable } from "./prove.ts";
import type { Counters } from "./state-counters.ts";

/** The proofs of one transaction. */
export interface Proofs {
  /** Changes the message in memory, as the proof moves it. Returns how; null: it does not. */
  note(message: Provable, by: Proof): Proven | null;
  /** Writes that the messages are sent. What moved them in this transaction before they were proven must be written already. */
  save(tx: Tx): Promise<void>;
}

/** Makes an empty collection. `now` is ms since the epoch. */
export function createProofs(counters: Counters, now: number): Proofs {
  const proven: { message: Provable; by: Proof }[] = [];
  return {
    note(message, by) {
      const move = prove(message, by, now);
      if (move === null) return null;
      const { id, topicId, state, attempts, claimedBy } = message;
      proven.push({ message: { id, topicId, state, attempts, claimedBy }, by });
      Object.assign(message, { state: move.to, attempts: move.attempts, claimedBy: null });
      return move;
    },
    async save(tx) {
      if (proven.length > 0) await createProver(counters).prove(tx, proven, now);
    },
  };
}
