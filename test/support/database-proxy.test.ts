/** The proxy fails as it is told to, at the moment it is told to. */
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { type CommitFate, type DatabaseProxy, databaseProxy } from "./database-proxy.ts";
import { requireServers } from "./servers.ts";
import { dropSchema, newSchema, onServer, sharedServer } from "./shared-postgres.ts";

/** The types do not know of it yet. */
const EXTENDED = { text: "commit", queryMode: "extended" } as pg.QueryConfig;

/** Ways to say COMMIT. */
const WAYS: Record<string, (client: pg.Client) => Promise<unknown>> = {
  "a simple query": (client) => client.query("commit"),
  "an unnamed statement": (client) => client.query(EXTENDED),
  "a named statement": (client) => client.query({ name: "done", text: "COMMIT" }),
  "the last of several": (client) => client.query("select 1; commit"),
};

describe.skipIf(requireServers("postgres"))("a proxy in front of a database", () => {
  const schema = newSchema();
  let proxy: DatabaseProxy;
  beforeAll(async () => void (await onServer(`create schema ${schema} create table row (id bigserial, name text)`)));
  afterAll(() => dropSchema(schema));
  beforeEach(async () => {
    await onServer(`truncate ${schema}.row`);
    proxy = await databaseProxy((await sharedServer()).adminUrl);
    onTestFinished(() => proxy.close());
  });

  async function connected(): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: proxy.url });
    client.on("error", () => undefined);
    onTestFinished(() => void client.connection.stream.destroy());
    await client.connect();
    return client;
  }

  /** Begins a transaction that writes one row. */
  async function writing(name = "a row"): Promise<pg.Client> {
    const client = await connected();
    await client.query("begin");
    await client.query(`insert into ${schema}.row (name) values ($1)`, [name]);
    return client;
  }

  const names = async (): Promise<string[]> =>
    (await onServer(`select name from ${schema}.row order by id`)).map(({ name }) => name);
  const backends = async (): Promise<number> =>
    (
      await onServer("select count(*) from pg_stat_activity where query like $1 and pid <> pg_backend_pid()", [
        `%${schema}%`,
      ])
    )[0].count;
  const settled = () => new Promise((resolve) => setTimeout(resolve, 100));

  it("passes everything on, and counts connections and commits", async () => {
    for (const say of Object.values(WAYS)) {
      const client = await writing();
      await say(client);
      await client.end();
    }
    expect(await names()).toHaveLength(4);
    expect(proxy.commits()).toBe(4);
    expect(proxy.connects()).toBe(4);
    await expect.poll(() => proxy.open()).toBe(0);
    const client = await connected();
    const big = "x".repeat(3_000_000);
    expect((await client.query("select $1::text as big", [big])).rows).toEqual([{ big }]);
    await client.query("do $$ begin perform 1; end $$");
    expect(proxy.commits()).toBe(4);
    expect(proxy.open()).toBe(1);
  });

  describe.each(Object.entries(WAYS))("a COMMIT as %s", (_, say) => {
    async function struck(fate: CommitFate) {
      const client = await writing();
      const strike = proxy.strike(fate);
      const answer = say(client).then(
        () => "answered",
        () => "cut",
      );
      await strike.happened;
      return { strike, answer };
    }

    it("is lost", async () => {
      const { answer } = await struck("lost");
      expect(await answer).toBe("cut");
      await expect.poll(() => proxy.open()).toBe(0);
      expect(await names()).toEqual([]);
    });

    it("is done, and the client does not hear of it", async () => {
      const { answer } = await struck("done");
      expect(await answer).toBe("cut");
      await expect.poll(names).toEqual(["a row"]);
      await expect.poll(() => proxy.open()).toBe(0);
    });

    it("comes late, after the client was cut", async () => {
      const { strike, answer } = await struck("late");
      expect(await answer).toBe("cut");
      await settled();
      expect(await names()).toEqual([]);
      await strike.release();
      expect(await names()).toEqual(["a row"]);
    });

    it("is done, and the client waits for ever", async () => {
      const { answer } = await struck("unanswered");
      await expect.poll(names).toEqual(["a row"]);
      expect(await Promise.race([answer, settled().then(() => "no answer")])).toBe("no answer");
      expect(proxy.open()).toBe(1);
      proxy.cut();
      expect(await answer).toBe("cut");
    });

    it("is done, and the client hears of it later", async () => {
      const { strike, answer } = await struck("slow");
      await expect.poll(names).toEqual(["a row"]);
      expect(await Promise.race([answer, settled().then(() => "no answer")])).toBe("no answer");
      await strike.release();
      expect(await answer).toBe("answered");
    });

    it("never reaches the server, and the client waits for ever, also when the server ends the connection", async () => {
      const { answer } = await struck("swallowed");
      await onServer(
        `select pg_terminate_backend(pid) from pg_stat_activity where query like $1 and pid <> pg_backend_pid()`,
        [`%${schema}%`],
      );
      await expect.poll(backends).toBe(0);
      expect(await Promise.race([answer, settled().then(() => "no answer")])).toBe("no answer");
      expect(await names()).toEqual([]);
      expect(proxy.open()).toBe(1);
      proxy.cut();
      expect(await answer).toBe("cut");
      await expect.poll(() => proxy.open()).toBe(0);
    });
  });

  it("is done with a late COMMIT also where the server has ended the connection before it comes", async () => {
    const client = await writing();
    const [{ pid }] = (await client.query("select pg_backend_pid() as pid")).rows;
    const { happened, release } = proxy.strike("late");
    client.query("commit").catch(() => undefined);
    await happened;
    // Returns when it has ended.
    await onServer("select pg_terminate_backend($1, 10000)", [pid]);
    await expect.poll(() => proxy.open()).toBe(0);
    await release();
    expect(await names()).toEqual([]);
  });

  it("strikes once, after those that are to be skipped, on whatever connection", async () => {
    const [one, two, three] = [await writing("one"), await writing("two"), await writing("three")];
    proxy.strike("lost", 1);
    await one.query("commit");
    await expect(two.query("commit")).rejects.toThrow(/terminated/);
    await three.query("commit");
    expect(await names()).toEqual(["one", "three"]);
  });

  it("cuts all connections: the server rolls back what they had begun", async () => {
    const [one, two] = [await writing("one"), await writing("two")];
    const ends = [one, two].map((client) => new Promise((resolve) => client.once("end", () => resolve(null))));
    proxy.cut();
    await Promise.all(ends);
    await expect.poll(backends).toBe(0);
    expect(await names()).toEqual([]);
    expect((await (await connected()).query("select 1 as one")).rows).toEqual([{ one: 1 }]);
  });

  it("stalls what is there and what is new, and loses nothing of it", async () => {
    const client = await writing();
    proxy.stall();
    const answers = [client.query("commit"), connected().then((other) => other.query("select 1"))];
    expect(await Promise.race([...answers, settled()])).toBeUndefined();
    expect(await names()).toEqual([]);
    expect(proxy.connects()).toBe(2);
    proxy.resume();
    await Promise.all(answers);
    expect(await names()).toEqual(["a row"]);
  });

  it("refuses new connections for a while; those that are there stay", async () => {
    const client = await writing();
    await proxy.refuse();
    await expect(connected()).rejects.toMatchObject({ code: "ECONNREFUSED" });
    await client.query("commit");
    await proxy.accept();
    await connected();
    expect(await names()).toEqual(["a row"]);
    expect(proxy.connects()).toBe(2);
  });

  it("cuts a connection in the middle of what the client or the server says", async () => {
    proxy.cutAfter(100_000);
    const client = await writing();
    const long = client.query(`insert into ${schema}.row (name) values ($1)`, ["x".repeat(200_000)]);
    await expect(long).rejects.toThrow(/terminated|ECONNRESET/);
    proxy.cutAfter(100_000, "server");
    const other = await connected();
    await expect(other.query("select repeat('x', 200000)")).rejects.toThrow(/terminated|ECONNRESET/);
    await (await connected()).query("select repeat('x', 200000)");
    await expect.poll(() => proxy.open()).toBe(1);
    expect(await names()).toEqual([]);
  });
});
