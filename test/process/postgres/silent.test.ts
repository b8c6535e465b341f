/** A database that is connected and says nothing: people hear of it, and a signal still ends what waits for it. */
import pg from "pg";
import { describe, expect, it, onTestFinished } from "vitest";
import { databaseProxy } from "../../support/database-proxy.ts";
import { fleet } from "../../support/fleet.ts";
import { start, until } from "../../support/run.ts";
import { requireServers } from "../../support/servers.ts";

const NOTICE = /Waiting \(\d+ s so far\): the database postgres:\/\/.* has not answered yet\./;

describe.skipIf(requireServers("postgres"))("a database that keeps silent", { timeout: 120_000 }, () => {
  it.each([
    ["work", ["work", "--rate", "5"], "working on "],
    ["serve", ["serve", "--port", "0", "--from", "ann@example.com"], "listening on "],
  ])("is told by %s, which a signal ends", async (_name, args, ready) => {
    const here = await fleet();
    const proxy = await databaseProxy(here.database.url);
    onTestFinished(() => proxy.close());
    const env = { ...here.env(proxy.url), SES_MAIL_API_KEY: "only-for-development" };
    const running = start(here.folder, args, { env });
    await until(() => running.stderr().includes(ready), "it to be ready");
    proxy.stall();
    await until(() => NOTICE.test(running.stderr()), "it to say that the database is silent");
    running.kill("SIGTERM");
    const { code, stderr } = await running.finished;
    expect(code).toBe(0);
    expect(stderr).not.toMatch(/InterruptedError|failed/);
  });

  it("does not keep a question after a signal", async () => {
    const here = await fleet({ people: 20 });
    const proxy = await databaseProxy(here.database.url);
    onTestFinished(() => proxy.close());
    const running = start(here.folder, ["stats"], { env: here.env(proxy.url) });
    await until(() => proxy.open() > 0, "it to connect");
    proxy.stall();
    running.kill("SIGTERM");
    expect((await running.finished).code).toBe(143);
  });

  it("does not keep the first question either, that only others hold up", async () => {
    const here = await fleet({ people: 20 });
    const blocker = new pg.Client({ connectionString: here.database.adminUrl });
    blocker.on("error", () => undefined);
    onTestFinished(() => void blocker.connection.stream.destroy());
    await blocker.connect();
    await blocker.query("begin; lock table ses_mail.job in access exclusive mode");
    const running = start(here.folder, ["stats"], { env: here.env() });
    const waiting = "select 1 from pg_locks where not granted";
    await until(async () => (await here.database.query(waiting)).length > 0, "it to ask what is there");
    running.kill("SIGTERM");
    expect((await running.finished).code).toBe(143);
  });
});
