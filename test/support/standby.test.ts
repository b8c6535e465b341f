/** A failover loses what it is meant to lose in these tests, and nothing else. */
import { describe, expect, it, onTestFinished } from "vitest";
import { queryOnce } from "./postgres.ts";
import { requireServers } from "./servers.ts";
import { type Pair, type PairOptions, startPair } from "./standby.ts";

describe.skipIf(requireServers("postgres"))("a primary and its standby", { timeout: 120_000 }, () => {
  async function pair(options: PairOptions): Promise<Pair> {
    const started = await startPair(options);
    onTestFinished(() => started.dispose());
    await queryOnce(started.primary.url, "create schema job create table turn (number int)");
    return started;
  }

  const write = (url: string, number: number) => queryOnce(url, `insert into job.turn values (${number})`);
  const numbers = async (url: string): Promise<number[]> =>
    (await queryOnce(url, "select number from job.turn order by number")).map(({ number }) => number);
  const settled = () => new Promise((resolve) => setTimeout(resolve, 200, "nothing"));

  it("have the same, and the standby takes no writes until it is promoted", async () => {
    const { primary, standby, caughtUp, failOver } = await pair({ synchronous: false });
    await write(primary.url, 1);
    await caughtUp();
    expect(await numbers(standby.url)).toEqual([1]);
    await expect(write(standby.url, 2)).rejects.toMatchObject({ code: "25006" });
    await failOver();
    await expect(numbers(primary.url)).rejects.toMatchObject({ code: "ECONNREFUSED" });
    await write(standby.url, 2);
    expect(await numbers(standby.url)).toEqual([1, 2]);
  });

  it("asynchronous: what the standby did not hear of is lost, though it was answered", async () => {
    const { primary, standby, link, caughtUp, failOver } = await pair({ synchronous: false });
    await write(primary.url, 1);
    await caughtUp();
    link.stall();
    await write(primary.url, 2);
    await failOver();
    expect(await numbers(standby.url)).toEqual([1]);
  });

  it("synchronous: nothing is answered that the standby does not have", async () => {
    const { primary, standby, link, failOver } = await pair({ synchronous: true });
    await write(primary.url, 1);
    link.stall();
    const waits = write(primary.url, 2).then(
      () => "answered",
      () => "cut",
    );
    expect(await Promise.race([waits, settled()])).toBe("nothing");
    await failOver();
    expect(await waits).toBe("cut");
    expect(await numbers(standby.url)).toEqual([1]);
    await write(standby.url, 3);
  });

  it("show what the standby does without its receiver, and without its replay", async () => {
    const { primary, standby, caughtUp, freeze, thaw, failOver } = await pair({ synchronous: true });
    await caughtUp();
    await freeze("walreceiver");
    const waits = write(primary.url, 1);
    expect(await Promise.race([waits, settled()])).toBe("nothing");
    thaw();
    await waits;
    await caughtUp();
    await freeze("startup");
    await write(primary.url, 2);
    expect(await numbers(standby.url)).toEqual([1]);
    await failOver();
    expect(await numbers(standby.url)).toEqual([1, 2]);
  });
});
