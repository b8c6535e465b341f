/** Keeps the steps of messages among their events. */
import { stepKey } from "../hash.ts";
import type { Step } from "../rules/steps.ts";
import type { Tx } from "./transaction.ts";

/** A step of one message. */
export interface Stepped {
  id: number;
  step: Step;
}

const INSERT = `insert into sm.event (message_id, key, type, at, detail)
  select id, key, type, $5::bigint, detail from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[]) s (id, key, type, detail)
  on conflict do nothing`;

/** Keeps the steps that messages take in this transaction. */
export async function writeSteps(tx: Tx, steps: readonly Stepped[]): Promise<void> {
  if (steps.length === 0) return;
  const at = tx.now.wall;
  await tx.run(INSERT, [
    steps.map(({ id }) => id),
    steps.map(({ step }) => stepKey(step, at)),
    steps.map(({ step }) => step.type),
    steps.map(({ step }) => step.detail),
    at,
  ]);
}
