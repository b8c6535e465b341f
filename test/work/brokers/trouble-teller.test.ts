/** Why mail waits, as the log of a process with several lanes tells it. */
import { expect, it } from "vitest";
import { troubleTeller } from "../../../src/work/brokers/inlet.ts";

it("is told once for all lanes, again after three minutes, and that it goes on", () => {
  let now = 0;
  const lines: string[] = [];
  const line = (text: unknown) => void lines.push(String(text));
  const tell = troubleTeller("redis", { info: line, warn: line }, { monotonic: () => now });
  tell(null);
  tell("away");
  tell("away");
  now = 179_000;
  tell("away");
  expect(lines).toEqual(["redis: what came waits, and is taken in later: away"]);
  now = 180_000;
  tell("still away");
  tell("still away");
  tell(null);
  tell(null);
  expect(lines.slice(1)).toEqual([
    "redis: what came waits, and is taken in later: still away",
    "redis: mail is taken in again",
  ]);
});
