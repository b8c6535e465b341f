/** Keeps the steps of messages among their events. */
import { stepKey } from "../hash.ts";
import type { Step } from "../rules/steps.ts";
import type { Connection } from "./connection.ts";

/** Makes what keeps a step that a message took at an instant, inside a transaction. */
export function createStepWriter(db: Connection): (messageId: number, step: Step, at: number) => void {
  const insert = db.prepare<[number, number, string, number, string]>(
    "insert into event (message_id, key, type, at, detail) values (?, ?, ?, ?, ?) on conflict do nothing",
  );
  return (messageId, step, at) => void insert.run(messageId, stepKey(step, at), step.type, at, step.detail);
}
