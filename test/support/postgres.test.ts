/** The servers that tests start are what the tests take them for. */
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { type Postgres, type PostgresOptions, queryOnce, startPostgres } from "./postgres.ts";
import { ownFolder } from "./postgres/folder.ts";
import { requireServers } from "./servers.ts";

const HOUR_MS = 3_600_000;

describe.skipIf(requireServers("postgres"))("a PostgreSQL server of a test's own", { timeout: 120_000 }, () => {
  async function server(options: PostgresOptions = {}): Promise<Postgres> {
    const started = await startPostgres(options);
    onTestFinished(() => started.dispose());
    return started;
  }

  it("keeps what was committed over any kind of restart, and nothing is left when it is disposed of", async () => {
    const postgres = await server({ fsync: true });
    await queryOnce(postgres.url, "create schema one");
    await postgres.restart("fast");
    await queryOnce(postgres.url, "create schema two");
    await postgres.restart("immediate");
    await queryOnce(postgres.url, "create schema three");
    await postgres.stop("immediate");
    await expect(postgres.query("select 1")).rejects.toThrow(/ECONNREFUSED/);
    await postgres.start();
    const schemas = await postgres.query("select nspname from pg_namespace where nspname in ('one', 'two', 'three')");
    expect(schemas).toHaveLength(3);
    expect(await postgres.log()).toMatch(/automatic recovery in progress/);
    await postgres.dispose();
    await expect(postgres.query("select 1")).rejects.toThrow(/ECONNREFUSED/);
    expect(existsSync(dirname(postgres.logFile))).toBe(false);
  });

  it("has an owner who is no superuser, a guest without rights, and refuses a wrong password", async () => {
    const postgres = await server();
    const who = "select current_user as name, (select rolsuper from pg_roles where rolname = current_user) as super";
    expect(await queryOnce(postgres.url, who)).toEqual([{ name: "mail", super: false }]);
    expect(await postgres.query(who)).toEqual([{ name: "postgres", super: true }]);
    await queryOnce(postgres.url, "create schema mine");
    for (const statement of ["create schema his", "create table his (a int)", "create table mine.his (a int)"])
      await expect(queryOnce(postgres.guestUrl, statement)).rejects.toMatchObject({ code: "42501" });
    const wrong = postgres.url.replace(/:[^:@]+@/, ":wrong@");
    await expect(queryOnce(wrong, "select 1")).rejects.toMatchObject({ code: "28P01" });
  });

  it("is UTF8 and of locale C unless told otherwise, and has the settings it is told", async () => {
    const settings = { max_connections: "10", TimeZone: "Asia/Seoul", statement_timeout: "1234ms" };
    const postgres = await server({ encoding: "SQL_ASCII", settings });
    const shown = async (each: Postgres, name: string) => (await each.query(`show ${name}`))[0][name.toLowerCase()];
    expect(await shown(postgres, "server_encoding")).toBe("SQL_ASCII");
    expect(await shown(postgres, "max_connections")).toBe("10");
    expect((await postgres.query("show timezone"))[0]).toEqual({ TimeZone: "Asia/Seoul" });
    expect(await shown(postgres, "statement_timeout")).toBe("1234ms");
    await postgres.set({ statement_timeout: "0" });
    await expect.poll(() => shown(postgres, "statement_timeout")).toBe("0");
    const plain = await server();
    expect(await shown(plain, "server_encoding")).toBe("UTF8");
    expect(await plain.query("select datcollate, 'B' < 'a' as bytes from pg_database where datname = 'mail'")).toEqual([
      { datcollate: "C", bytes: true },
    ]);
  });

  it("takes TLS with a certificate for the host name it is told", async () => {
    const postgres = await server({ tls: "elsewhere.example" });
    const query = (mode: string) =>
      queryOnce(
        `${postgres.url}?sslmode=${mode}&sslrootcert=${postgres.certificate}`,
        "select ssl from pg_stat_ssl where pid = pg_backend_pid()",
      );
    await expect(query("verify-full")).rejects.toMatchObject({ code: "ERR_TLS_CERT_ALTNAME_INVALID" });
    expect(await queryOnce(`${postgres.url}?sslmode=no-verify`, "select 1 as one")).toEqual([{ one: 1 }]);
    const right = await server({ tls: "localhost" });
    const named = right.url.replace("127.0.0.1", "localhost");
    const ssl = await queryOnce(
      `${named}?sslmode=verify-full&sslrootcert=${right.certificate}`,
      "select ssl from pg_stat_ssl where pid = pg_backend_pid()",
    );
    expect(ssl).toEqual([{ ssl: true }]);
  });

  it.skipIf(requireServers("faketime"))("has a clock of its own that can be set while it runs", async () => {
    const postgres = await server({ clock: "+1h" });
    const off = async () => {
      const [{ now }] = await postgres.query("select (extract(epoch from clock_timestamp()) * 1000)::float8 as now");
      return Math.round((now - Date.now()) / HOUR_MS);
    };
    expect(await off()).toBe(1);
    await postgres.setClock("-2h");
    expect(await off()).toBe(-2);
    await postgres.restart("immediate");
    expect(await off()).toBe(-2);
  });

  it.each(["SIGKILL", "SIGINT"] as const)("is ended and removed when its process gets %s", async (signal) => {
    const kept = await ownFolder(join(tmpdir(), `ses-mail-servers-test-${randomUUID()}`));
    const keeper = new URL("postgres/keeper.js", import.meta.url).href;
    const script = `import { keepFolder } from "${keeper}"; keepFolder("${kept}"); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", `${script} console.log("kept")`]);
    onTestFinished(() => void child.kill("SIGKILL"));
    await new Promise((resolve) => child.stdout.once("data", resolve));
    const postgres = await server({ folder: await ownFolder(join(kept, "0")) });
    const pid = Number(readFileSync(join(kept, "0/data/postmaster.pid"), "utf8").split("\n")[0]);
    process.kill(pid, 0);
    child.kill(signal);
    await expect.poll(() => existsSync(kept), { timeout: 60_000 }).toBe(false);
    expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
    expect(postgres.logFile).toContain(kept);
  });
});
