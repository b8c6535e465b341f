/** Promises 1 and 2 over several processes on one job file. */
import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { addresses, writeCampaign } from "../support/campaign.ts";
import { watchDepartures } from "../support/departures.ts";
import { run, runProcess, start, until, workFolder } from "../support/run.ts";
import { duplicates, mostInAnyWindow, sesServer } from "../support/ses-server.ts";

describe("promise 1, R1 G1 N9: never more than the rate in any sliding second, over all processes", () => {
  it.each([
    { processes: 1, rate: 14, total: 60 },
    { processes: 2, rate: 50, total: 250 },
    { processes: 4, rate: 120, total: 600 },
  ])("$processes processes at $rate per second", { timeout: 60_000 }, async ({ processes, rate, total }) => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, total);
    const server = await sesServer(folder, { latencyMs: 20 });
    expect((await run(folder, ["import", file])).code).toBe(0);

    const departures = watchDepartures(folder);
    const watched = { ...server.env, ...departures.env };
    const args = ["send", file, "--rate", String(rate), "--json"];
    const results = await Promise.all(
      Array.from({ length: processes }, () => runProcess(folder, args, { env: watched })),
    );

    expect(duplicates(server.received())).toEqual([]);
    expect(server.received().sort()).toEqual(addresses(total).sort());
    // What went on the wire, of all processes together: exactly.
    expect(departures.read()).toHaveLength(total);
    expect(mostInAnyWindow(departures.read())).toBeLessThanOrEqual(rate);
    // The receiver agrees, over the whole run: within a second, a busy machine lets calls wait on their way and then come together.
    const arrivals = server.arrivals();
    const leastMs = ((total - rate) / rate) * 1000;
    expect(Number(arrivals.at(-1)) - Number(arrivals[0])).toBeGreaterThan(0.9 * leastMs);
    expect(results.map((result) => result.code)).toEqual(results.map(() => 0));
    const sent: number[] = results.map((result) => result.json.run.sent);
    expect(sent.reduce((sum, count) => sum + count, 0)).toBe(total);
    expect((await run(folder, ["topics", "--json"])).json.topics[0]).toMatchObject({ total, sent: total });
  });
});

it("two processes share the work", async () => {
  const folder = await workFolder();
  const people = 3_000;
  const file = await writeCampaign(folder, people);
  const server = await sesServer(folder, { latencyMs: 10 });
  expect((await run(folder, ["import", file])).code).toBe(0);
  const args = ["send", "--rate", "60", "--concurrency", "4", "--json"];
  const share = async () => {
    const { env, read } = watchDepartures(await workFolder());
    return { read, ...start(folder, args, { env: { ...server.env, ...env, DEPARTURES: "now" } }) };
  };
  // Nearly a minute of mail, so that there is some for both, however late one of them has started. The rest leaves at once.
  const both = [await share(), await share()];
  await until(() => both.every(({ read }) => read().length > 0), "both to send");
  const rest = await run(folder, ["send", "--rate", "2000", "--json"], { env: server.env });
  const sent = [rest.json.run.sent];
  for (const { finished } of both) {
    const { code, stderr, json } = await finished;
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(json.run.sent).toBeGreaterThan(0);
    sent.push(json.run.sent);
  }
  expect(sent.reduce((sum, each) => sum + each, 0)).toBe(people);
  expect(server.received().toSorted()).toEqual(addresses(people).toSorted());
}, 60_000);

/** True where this user may make a namespace of process ids, as a container has. */
const canUnshare = (() => {
  try {
    execFileSync("unshare", ["--pid", "--fork", "--mount-proc", "true"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

it.skipIf(!canUnshare)(
  "F21: two containers with one host name do not take each other for dead",
  async () => {
    const folder = await workFolder();
    const server = await sesServer(folder, { latencyMs: 300 });
    await run(folder, ["import", await writeCampaign(folder, 800)]);
    const inside = () =>
      start(folder, [], {
        env: server.env,
        shell: "exec unshare --pid --fork --mount-proc $SES_MAIL send --rate 40 --yes --json",
      });
    // Twenty seconds of mail, so that the second one has some left however late it starts.
    const both = [inside()];
    await until(() => server.calls().length >= 10, "10 calls");
    both.push(inside());
    for (const { code, json, stderr } of await Promise.all(both.map((one) => one.finished))) {
      expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.not.stringContaining("died") });
      expect(json.run).toMatchObject({ in_doubt: 0 });
      expect(json.run.sent).toBeGreaterThan(0);
    }
    expect(duplicates(server.received())).toEqual([]);
    expect((await run(folder, ["stats", "june", "--json"])).json).toMatchObject({ sent: 800, in_doubt: 0 });
  },
  90_000,
);

it("what a process left that was killed while another one sends: in doubt, and exit 1 of the other", async () => {
  const folder = await workFolder();
  const server = await sesServer(folder, { latencyMs: 400 });
  await run(folder, ["import", await writeCampaign(folder, 120)]);
  const begin = () => start(folder, ["send", "--rate", "40", "--json"], { env: server.env });
  const [one, other] = [begin(), begin()];
  await until(() => server.calls().length >= 20, "20 calls");
  one.kill("SIGKILL");
  await one.finished;
  const { code, json, stderr } = await other.finished;
  const { in_doubt: inDoubt, sending } = json.totals;
  expect(sending).toBe(0);
  expect(code).toBe(inDoubt > 0 ? 1 : 0);
  expect(stderr.includes("in a process that died")).toBe(inDoubt > 0);
  expect(duplicates(server.received())).toEqual([]);
});
