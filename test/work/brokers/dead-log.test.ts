/** The lines of the log about dead letters. */
import { expect, it } from "vitest";
import { createDeadLog } from "../../../src/work/brokers/dead-log.ts";
import { ManualClock } from "../../support/manual-clock.ts";

function logging() {
  const [warned, hidden]: string[][] = [[], []];
  const log = { warn: (line: string) => void warned?.push(line), debug: (line: string) => void hidden?.push(line) };
  const clock = new ManualClock();
  return { warned, hidden, clock, tell: createDeadLog(log as Parameters<typeof createDeadLog>[0], clock) };
}

it("are short, however long the name is that a producer gave", () => {
  const { warned, tell } = logging();
  tell({ source: "redis", origin: `email:send:priority#\n${"k".repeat(70_000)}`, reason: "to: is missing" });
  expect(warned).toEqual([`dead letter from redis email:send:priority#\\n${"k".repeat(79)}…: to: is missing`]);
});

it("are twenty in a minute, and then again", () => {
  const { warned, hidden, clock, tell } = logging();
  const letter = { source: "nats", origin: "messages#1", reason: "not MessagePack" } as const;
  for (let count = 0; count < 30; count++) tell(letter);
  expect([warned?.length, hidden?.length]).toEqual([21, 10]);
  expect(warned?.at(-1)).toContain("ses-mail dead lists them");
  clock.pass(60_000);
  tell(letter);
  expect(warned).toHaveLength(22);
});
