/** What is acknowledged leaves the stream, also when it could not be asked once who else reads it. */
import { expect, it, onTestFinished } from "vitest";
import { Acknowledger } from "../../../src/queue/redis/acknowledger.ts";
import { Connection } from "../../../src/queue/redis/connection.ts";
import type { Command, Line } from "../../../src/queue/redis/line.ts";
import { away, RedisProblem } from "../../../src/queue/redis/problem.ts";

const GROUPS = [[Buffer.from("name"), Buffer.from("mine")]];

/** An acknowledger on a connection that answers XINFO with these, one after the other, and everything else with OK. Returns what it sent. */
async function acknowledging(...answers: unknown[]) {
  const sent: string[][] = [];
  const exchange = async (commands: readonly Command[]) => {
    sent.push(commands.map(([name]) => name));
    return commands.map(([name]) => (name === "XINFO" ? answers.shift() : "OK"));
  };
  // Only what a connection calls of a line. A real one cannot be cut between two of its own steps.
  const line = { exchange, gone: new Promise(() => undefined), end: () => undefined } as unknown as Line;
  const nothing = () => undefined;
  const asks = new Connection({ place: "here", open: async () => line, onOpen: nothing, onAway: nothing });
  onTestFinished(() => asks.close());
  await asks.ready();
  const told: string[] = [];
  const where = { stream: "s", group: "mine", consumer: "c" };
  return { sent, told, acknowledger: new Acknowledger({ where, asks, tell: (text) => told.push(text) }) };
}

it("is acknowledged only when a lost connection is back", async () => {
  const { sent, acknowledger } = await acknowledging(away("here", "the socket was closed"), GROUPS);
  await expect(acknowledger.acknowledge(["0-1"])).rejects.toThrow("cannot be reached");
  expect(sent).toEqual([["XINFO"]]);
  await acknowledger.acknowledge(["0-1"]);
  expect(sent.slice(1)).toEqual([["XINFO"], ["MULTI", "XACK", "XDEL", "EXEC"]]);
});

it("is asked again after an answer that may be over in a moment", async () => {
  const loading = new RedisProblem("Redis is still loading its data", null, "LOADING");
  const { sent, acknowledger } = await acknowledging(loading, GROUPS);
  await acknowledger.acknowledge(["0-1"]);
  await acknowledger.acknowledge(["0-2"]);
  expect(sent).toEqual([["XINFO"], ["MULTI", "XACK", "EXEC"], ["XINFO"], ["MULTI", "XACK", "XDEL", "EXEC"]]);
});

it("is not asked each time where that is forbidden, nor where somebody else reads the stream", async () => {
  for (const answer of [new RedisProblem("no right", null, "NOPERM"), [...GROUPS, ...GROUPS]]) {
    const { sent, acknowledger } = await acknowledging(answer);
    await acknowledger.acknowledge(["0-1"]);
    await acknowledger.acknowledge(["0-2"]);
    expect(sent).toEqual([["XINFO"], ["MULTI", "XACK", "EXEC"], ["MULTI", "XACK", "EXEC"]]);
  }
});
