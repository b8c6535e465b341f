/** `copy` killed in the middle, again and again: the same command goes on, and nothing is half usable meanwhile. */
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { TABLES } from "../../src/store/archive.ts";
import { openStore } from "../../src/store/sqlite/store.ts";
import { systemClock } from "../../src/time/clock.ts";
import { rows } from "../store/sqlite/bench.ts";
import { LONG_RESTS } from "../support/long-rests.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { run, start, until, workFolder } from "../support/run.ts";
import { dropSchema, newSchema, onServer, sharedServer } from "../support/shared-postgres.ts";
import { ingest, sent, settle, turn } from "../support/store-actions.ts";
import { fillJob } from "../support/whole-job.ts";

const IN_RESTS = 6;
/** Wherever it is, which may be at its end. */
const ANYWHERE = 4;

/** A job of everything, and a list of 60,000 of which some are sent: many pages. */
async function largeJob(): Promise<{ folder: string; path: string }> {
  const folder = await workFolder();
  const path = join(folder, "old.db");
  const clock = new ManualClock();
  const store = await openStore(path, clock);
  await fillJob(store, clock);
  await ingest(
    store,
    Array.from({ length: 60_000 }, (_, at) => `p${at}@x.example`),
    { topic: "large" },
  );
  const { claims } = await turn(store, 500, { scope: { topic: "large", endpoint: "ses", maxLateMs: null } });
  await settle(store, ...claims.map((claim) => sent(claim)));
  await store.close();
  return { folder, path };
}

const contents = (path: string): Record<string, unknown[]> =>
  Object.fromEntries(
    TABLES.map(({ name, key }) => [name, rows(path, `select * from ${name} order by ${key.join(", ")}`)]),
  );

/** How many messages are there; 0: there is nothing yet. */
type Count = () => Promise<number>;

/** What a copy is started with, and where it has come to. */
interface Watched {
  env: Record<string, string>;
  count: Count;
}

/** Kills the copy so often, each time when it has come further. Returns how often it was killed in mid-copy. */
async function killed(folder: string, args: string[], times: number, { env, count }: Watched): Promise<number> {
  let kills = 0;
  for (let at = 0; at < times; at++) {
    const before = await count();
    const copying = start(folder, args, { env });
    let isOver = false;
    void copying.finished.then(() => (isOver = true));
    await until(async () => isOver || (await count()) > before, "the copy to come further");
    copying.kill("SIGKILL");
    if ((await copying.finished).signal === "SIGKILL") kills++;
  }
  return kills;
}

/** The same in its rests: a machine that is too busy to look would else find a copy that is done. */
const killedInRests = (folder: string, args: string[], times: number, { env, count }: Watched) =>
  killed(folder, args, times, { env: { ...env, ...LONG_RESTS }, count });

describe("killed ten times, then finished", () => {
  it("from one job file to another", { timeout: 120_000 }, async () => {
    const { folder, path } = await largeJob();
    const before = contents(path);
    const to = join(folder, "new.db");
    const count: Count = async () => {
      try {
        return (rows(to, "select count(*) as count from message") as { count: number }[])[0]?.count ?? 0;
      } catch {
        return 0;
      }
    };
    const args = ["copy", "old.db", "new.db"];
    expect(await killedInRests(folder, args, IN_RESTS, { env: {}, count })).toBe(IN_RESTS);
    for (const db of ["old.db", "new.db"])
      expect(await run(folder, ["send", "--sandbox", "--yes", "--db", db])).toMatchObject({
        code: 2,
        stderr: expect.stringContaining("ses-mail copy"),
      });
    expect(await run(folder, ["stats", "--db", "new.db"])).toMatchObject({ code: 2 });
    await killed(folder, args, ANYWHERE, { env: {}, count });
    expect(await run(folder, args)).toMatchObject({ code: 0 });
    expect(contents(to)).toEqual(before);
  });

  it("to a server and back", { timeout: 180_000 }, async () => {
    const { folder, path } = await largeJob();
    const before = contents(path);
    const { url } = await sharedServer();
    const schema = newSchema();
    onTestFinished(() => dropSchema(schema));
    const env = { SES_MAIL_DB_SCHEMA: schema };
    const count: Count = async () => {
      const found = await onServer(`select count(*) as count from "${schema}".message`).catch(() => []);
      return Number(found[0]?.["count"] ?? 0);
    };
    const args = ["copy", "old.db", url];
    expect(await killedInRests(folder, args, IN_RESTS, { env, count })).toBe(IN_RESTS);
    expect((await run(folder, ["stats", "--db", url], { env })).code).toBe(2);
    await killed(folder, args, ANYWHERE, { env, count });
    expect(await run(folder, args, { env })).toMatchObject({ code: 0 });
    expect(await run(folder, ["copy", url, "new.db"], { env })).toMatchObject({ code: 0 });
    expect(contents(join(folder, "new.db"))).toEqual(before);
  });
});

describe("stopped in the middle", () => {
  it("by Ctrl-C it says how to go on; and it can be taken back", { timeout: 60_000 }, async () => {
    const { folder, path } = await largeJob();
    const before = contents(path);
    const copying = start(folder, ["copy", "old.db", "new.db"], { env: LONG_RESTS });
    await until(() => {
      try {
        return rows(join(folder, "new.db"), "select 1 from message").length > 0;
      } catch {
        return false;
      }
    }, "the first messages");
    copying.kill("SIGINT");
    const { code, stderr } = await copying.finished;
    expect(code).toBe(130);
    expect(stderr).toContain("run the same command again");
    expect(await run(folder, ["copy", "old.db", "third.db"])).toMatchObject({ code: 2 });
    expect(await run(folder, ["copy", "--undo", "old.db"])).toMatchObject({ code: 0 });
    expect(await run(folder, ["copy", "old.db", "new.db"])).toMatchObject({ code: 2 });
    expect(await run(folder, ["copy", "old.db", "third.db"])).toMatchObject({ code: 0 });
    expect(contents(join(folder, "third.db"))).toEqual(before);
    await (await openStore(join(folder, "third.db"), systemClock)).close();
  });
});
