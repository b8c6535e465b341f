/** What people read when the database cannot be reached or refuses them, and that a signal ends every wait for it. */
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { writeCampaign } from "../support/campaign.ts";
import { undated } from "../support/expected.ts";
import { run, start, until, workFolder } from "../support/run.ts";
import { requireServers } from "../support/servers.ts";
import { sharedServer } from "../support/shared-postgres.ts";

const COMMANDS = [["stats"], ["import", "june.csv"], ["send", "june.csv", "--sandbox", "--yes"], ["work", "--sandbox"]];

/** Takes connections, and never says a word. */
async function silentServer(): Promise<{ url: string; connected: () => number }> {
  let count = 0;
  const server = createServer((socket) => {
    count++;
    socket.on("error", () => undefined);
    onTestFinished(() => void socket.destroy());
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return {
    url: `postgres://mail:secret@127.0.0.1:${(server.address() as AddressInfo).port}/mail`,
    connected: () => count,
  };
}

describe("a server that does not answer", () => {
  it.each(COMMANDS)("is not waited for after SIGINT: %s", { timeout: 60_000 }, async (...args) => {
    const folder = await workFolder();
    await writeCampaign(folder, 3);
    const { url, connected } = await silentServer();
    const waiting = start(folder, [...args, "--db", url]);
    await until(() => connected() > 0 || waiting.child.exitCode !== null, "a connection");
    waiting.kill("SIGINT");
    const { code, stderr } = await waiting.finished;
    expect({ code, stderr }).toEqual({ code: 130, stderr: "ses-mail: interrupted\n" });
  });
});

describe("a server that is not there", () => {
  it.each(COMMANDS.slice(0, 3).filter(([name]) => name !== "import"))(
    "is exit 3, after words about what is waited for: %s",
    { timeout: 60_000 },
    async (...args) => {
      const folder = await workFolder();
      await writeCampaign(folder, 3);
      const { code, stderr, stdout } = await run(folder, [...args, "--db", "postgres://mail:secret@127.0.0.1:1/mail"]);
      const told = undated(stderr).split("\n");
      const trouble = "cannot reach the database postgres://mail@127.0.0.1:1/mail: connection refused (ECONNREFUSED)";
      expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
      expect(told).toContainEqual(expect.stringMatching(/^Waiting \(\d+ s so far\): cannot reach the database /));
      expect(told.at(-2)).toContain(`${trouble}; is the server running? --db, or SES_MAIL_DB, says where;`);
      expect(stderr).not.toMatch(/secret|another process/);
    },
  );

  it("is waited for by a service, which says so once", { timeout: 60_000 }, async () => {
    const worker = start(await workFolder(), ["work", "--sandbox", "--db", "postgres://mail@127.0.0.1:1/mail"]);
    await until(() => worker.stderr().includes("it is tried again until it answers"), "words");
    worker.kill("SIGTERM");
    const { code, stderr } = await worker.finished;
    expect(code).toBe(143);
    expect(stderr.match(/cannot reach/g)).toHaveLength(1);
  });
});

describe.skipIf(requireServers("postgres"))("a server that refuses", () => {
  it.each([
    [
      "a wrong password",
      { password: "wrong" },
      /password authentication failed .*; set PGPASSWORD, or put the password/,
    ],
    [
      "a database that is not there",
      { pathname: "/none" },
      /database "none" does not exist; create it with createdb, or /,
    ],
  ])("%s is exit 2", { timeout: 60_000 }, async (_, change, words) => {
    const folder = await workFolder();
    await writeCampaign(folder, 3);
    const { url } = await sharedServer();
    const address = Object.assign(new URL(url), change);
    for (const args of COMMANDS) {
      const { code, stderr } = await run(folder, [...args, "--db", address.href]);
      expect({ args, code, stderr: undated(stderr) }).toEqual({ args, code: 2, stderr: expect.stringMatching(words) });
      expect(stderr.trimEnd().split("\n").length).toBeLessThan(3);
      expect(stderr).not.toMatch(new RegExp(`${new URL(url).password}|wrong@`));
    }
  });
});
