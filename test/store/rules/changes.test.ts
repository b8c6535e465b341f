import { expect, it } from "vitest";
import { createChanges } from "../../../src/store/rules/changes.ts";

it("adds up moves by topic, and leaves out those of nothing", () => {
  const { move, add, deltas } = createChanges();
  add(1, "pending", 3);
  move(1, "pending", "sending");
  move(1, "pending", "cancelled", 2);
  move(2, "pending", "sent", 0);
  expect([...deltas.keys()]).toEqual([1]);
  expect(deltas.get(1)).toMatchObject({ pending: 0, sending: 1, cancelled: 2, sent: 0 });
});

it("keeps the first and the last time of sending, and when the first call may have left", () => {
  const { sentAt, calledAt, sent, calls, clear } = createChanges();
  calledAt(1, 50);
  for (const at of [70, 60, 90]) sentAt(1, at);
  sentAt(2, 80);
  calledAt(2, 10);
  expect(sent.get(1)).toEqual({ first: 60, last: 90 });
  expect([...calls]).toEqual([
    [1, 50],
    [2, 10],
  ]);
  clear();
  expect([sent.size, calls.size]).toEqual([0, 0]);
});
