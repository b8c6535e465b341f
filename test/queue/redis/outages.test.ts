/** Redis that is away, that forgets, that is cut off and that refuses. */
import { execFile } from "node:child_process";
import { type AddressInfo, createServer } from "node:net";
import { promisify } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import { UserError } from "../../../src/errors.ts";
import { QueueUnreachable } from "../../../src/queue/queue.ts";
import { freePort } from "../../support/free-port.ts";
import { startRedis } from "../../support/redis.ts";
import { requireServers } from "../../support/servers.ts";
import { strikingProxy } from "../../support/striking-proxy.ts";
import { add, GOES_ON, insist, pending, receive, server, STREAM, textOf, worker } from "./worker.ts";

/** A worker, and what stands between it and Redis. */
async function behindProxy(to: { port: number }) {
  const proxy = await strikingProxy(to.port);
  return { proxy, redis: await worker(`redis://127.0.0.1:${proxy.port}`) };
}

describe.skipIf(requireServers("redis"))("Redis that is away", () => {
  it("at the start is told once, and is read when it comes", async () => {
    const port = await freePort();
    const { stream, told, isConnected } = await worker(`redis://127.0.0.1:${port}`);
    for (let call = 0; call < 3; call++)
      await expect(stream.receive(1, 20_000, GOES_ON)).rejects.toThrow(QueueUnreachable);
    expect(isConnected()).toBe(false);
    const redis = await startRedis({ port });
    onTestFinished(() => redis.stop());
    await add(redis, "a");
    expect((await insist(() => receive(stream))).map(textOf)).toEqual(["a"]);
    expect(isConnected()).toBe(true);
    expect(told.filter((line) => !line.includes("appendonly"))).toEqual([
      `redis: Redis at 127.0.0.1:${port} cannot be reached (connection refused). It is tried again until it works.`,
      `redis: connected to 127.0.0.1:${port} again`,
    ]);
  });

  it("fails everything at once, and keeps nothing to say later", async () => {
    const redis = await server();
    const { stream, sets, setStatus, progress, template } = await worker(redis.url);
    await add(redis, "a");
    const got = await receive(stream);
    await redis.kill();
    const status = [{ id: "c1", state: "sent" }];
    const calls = [
      () => stream.receive(1, 0, GOES_ON),
      () => stream.done(got),
      () => stream.later(got[0] as never, 0),
      () => stream.refuse(got[0] as never, "no"),
      () => sets.receive(1, 0, GOES_ON),
      () => setStatus(status),
      () => progress("i1", { completed: 1, total: 2 }),
      () => template("welcome"),
    ];
    for (const call of calls) await expect(call()).rejects.toThrow(QueueUnreachable);
    await redis.restart();
    await insist(() => template("welcome"));
    expect(await redis.ask("KEYS", "*")).toEqual([]);
  });

  it("and closing ends it", async () => {
    const { stream, close } = await worker(`redis://127.0.0.1:${await freePort()}`);
    await close();
    await expect(stream.receive(1, 0, GOES_ON)).rejects.toThrow(QueueUnreachable);
  });
});

describe.skipIf(requireServers("redis"))("Redis that is killed", () => {
  it("without persistence: a read that waits ends, and the group is made again", async () => {
    const redis = await server();
    const { stream, told } = await worker(redis.url);
    await add(redis, "a", "b");
    const got = await receive(stream, 2);
    await stream.done(got.slice(0, 1));
    const waiting = stream.receive(1, 3_600_000, GOES_ON);
    const [problem] = await Promise.all([waiting.catch((error: unknown) => error), redis.restart()]);
    expect(problem).toBeInstanceOf(QueueUnreachable);
    await add(redis, "c");
    expect((await insist(() => receive(stream))).map(textOf)).toEqual(["c"]);
    expect(told).toContain(
      `redis: the group email:workers of ${STREAM} was gone and is made again. Jobs that were in Redis before may be lost.`,
    );
  });

  it("with appendonly: nothing is lost, and what was acknowledged does not come again", async () => {
    const redis = await server({ appendOnly: true });
    const { stream, told } = await worker(redis.url);
    await add(redis, "a", "b", "c");
    const got = await receive(stream, 3);
    await stream.done(got.filter((delivery) => textOf(delivery) === "a"));
    await redis.restart();
    await add(redis, "d");
    const again = await insist(() => receive(stream, 3));
    expect(again.map(textOf).toSorted()).toEqual(["b", "c", "d"]);
    expect(told.filter((line) => /appendonly|group/.test(line))).toEqual([]);
  });

  it("the keys are removed in mid-run: jobs that are added afterwards are read", async () => {
    const redis = await server();
    const { stream } = await worker(redis.url);
    await add(redis, "a");
    await receive(stream);
    const waiting = receive(stream);
    await redis.flush();
    await add(redis, "b");
    expect((await insist(() => waiting.catch(() => receive(stream)))).map(textOf)).toEqual(["b"]);
  });
});

describe.skipIf(requireServers("redis"))("a connection that is cut", () => {
  it("in mid-read: the read ends, and what Redis had sent comes again", async () => {
    const redis = await server();
    const { proxy, redis: mine } = await behindProxy(redis);
    await mine.stream.receive(1, 0, GOES_ON);
    const struck = proxy.strike("XREADGROUP", "done");
    const waiting = mine.stream.receive(1, 20_000, GOES_ON).catch((error: unknown) => error);
    await add(redis, "a");
    await struck;
    expect(await waiting).toBeInstanceOf(QueueUnreachable);
    expect((await insist(() => receive(mine.stream))).map(textOf)).toEqual(["a"]);
  });

  it.each(["lost", "done"] as const)("in mid-acknowledge, which is %s: it can be acknowledged again", async (fate) => {
    const redis = await server();
    const { proxy, redis: mine } = await behindProxy(redis);
    await add(redis, "a", "b");
    const got = await receive(mine.stream, 2);
    const struck = proxy.strike("XACK", fate);
    await expect(mine.stream.done(got)).rejects.toThrow(QueueUnreachable);
    await struck;
    await expect.poll(() => pending(redis)).toBe(fate === "lost" ? 2 : 0);
    const again = fate === "lost" ? await insist(() => receive(mine.stream, 2)) : got;
    expect(again.map(({ id }) => id)).toEqual(got.map(({ id }) => id));
    expect(await insist(() => mine.stream.done(again))).toEqual([]);
    expect(await pending(redis)).toBe(0);
    expect(await redis.ask("XLEN", STREAM)).toBe(0);
  });

  it("however often: what was given out meanwhile is never taken for what kills its workers", async () => {
    const redis = await server();
    const { proxy, redis: mine } = await behindProxy(redis);
    await add(redis, "a", "b");
    let got = await receive(mine.stream, 2);
    for (let times = 0; times < 8; times++) {
      proxy.cut();
      got = await insist(() => receive(mine.stream, 2));
      expect(got.map(({ body, overdue }) => [String(body), overdue])).toEqual([
        ["a", undefined],
        ["b", undefined],
      ]);
    }
    expect(await insist(() => mine.stream.done(got))).toEqual([]);
    expect([await pending(redis), await redis.ask("XLEN", STREAM)]).toEqual([0, 0]);
  });

  it("nothing is sent twice by itself", async () => {
    const redis = await server();
    const { proxy, redis: mine } = await behindProxy(redis);
    await mine.template("x");
    const heard = await redis.listen("email:progress:i1");
    const struck = proxy.strike("PUBLISH", "done");
    await expect(mine.progress("i1", { completed: 1, total: 4 })).rejects.toThrow(QueueUnreachable);
    await struck;
    await insist(() => mine.progress("i1", { completed: 2, total: 4 }));
    await expect.poll(() => heard.at(-1)).toContain('"completed":2');
    expect(heard.map((text) => (JSON.parse(text) as { completed: number }).completed)).toEqual([1, 2]);
  });

  it("is made again for ever, and told each time it changes", async () => {
    const redis = await server();
    const { proxy, redis: mine } = await behindProxy(redis);
    await mine.template("x");
    for (let times = 0; times < 3; times++) {
      proxy.refuse();
      await expect.poll(() => mine.isConnected()).toBe(false);
      proxy.accept();
      await expect.poll(() => mine.isConnected()).toBe(true);
    }
    const lines = mine.told.filter((line) => /cannot be reached|again$/.test(line));
    expect(lines.map((line) => line.endsWith("again"))).toEqual([false, true, false, true, false, true]);
  });

  it("without a word is noticed by the read that waits and by the others, and is made again", async () => {
    const redis = await server();
    const { proxy, redis: mine } = await behindProxy(redis);
    await mine.stream.receive(1, 0, GOES_ON);
    const waiting = mine.stream.receive(1, 20_000, GOES_ON).catch((error: Error) => error.message);
    proxy.swallow();
    await expect(mine.template("x")).rejects.toThrow(/no answer for 10 s/);
    expect(await waiting).toMatch(/no answer for 1\d s/);
    await add(redis, "a");
    expect((await insist(() => receive(mine.stream))).map(textOf)).toEqual(["a"]);
  }, 120_000);
});

describe.skipIf(requireServers("redis"))("Redis that refuses", () => {
  const SECRET = "s3cret-%/@";
  const address = (port: number, user: string, password: string) =>
    `redis://${user}:${encodeURIComponent(password)}@127.0.0.1:${port}`;

  it("takes a password from the address, %-encoded, and a database", async () => {
    const redis = await server({ settings: [`requirepass ${SECRET}`] });
    const { setStatus } = await worker(`${address(redis.port, "", SECRET)}/3`);
    await setStatus([{ id: "c1", state: "sent" }]);
    expect(await redis.ask("INFO", "keyspace")).toMatch(/db3:keys=1/);
  });

  it.each([
    [
      "a wrong password",
      (port: number) => address(port, "", "wrong-secret"),
      /does not accept the user name and/,
      /REDIS_PASSWORD/,
    ],
    ["a wrong user", (port: number) => address(port, "nobody", "wrong-secret"), /does not accept the user name and/],
    ["no password", (port: number) => `redis://127.0.0.1:${port}`, /wants a password/, /REDIS_PASSWORD/],
    [
      "no such database",
      (port: number) => `${address(port, "", SECRET)}/99`,
      /DB index is out of range/,
      /REDIS_DATABASE/,
    ],
  ])("%s is said as a mistake of the user's, without the password", async (_, url, words, hint = /./) => {
    const redis = await server({ settings: [`requirepass ${SECRET}`] });
    const { stream, template, told } = await worker(url(redis.port));
    const error: unknown = await stream.receive(1, 0, GOES_ON).catch((problem: unknown) => problem);
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).message).toMatch(words);
    expect((error as UserError).hint).toMatch(hint);
    expect((error as Error).message + told.join()).not.toMatch(/secret|s3cret/);
    await expect(template("x")).rejects.toThrow(UserError);
  });

  it("a password that is changed in mid-run is trouble that may pass", async () => {
    const redis = await server({ settings: [`requirepass ${SECRET}`] });
    const { stream, template, told } = await worker(address(redis.port, "", SECRET));
    await stream.receive(1, 0, GOES_ON);
    await redis.ask("CONFIG", "SET", "requirepass", "other");
    const other = address(redis.port, "", "other");
    await redis.askAt(other, "CLIENT", "KILL", "TYPE", "normal");
    await expect
      .poll(() => template("x").catch((error: Error) => `${error.name}: ${error.message}`))
      .toMatch(/^QueueUnreachable: .* does not accept/);
    await expect(stream.receive(1, 0, GOES_ON)).rejects.toThrow(QueueUnreachable);
    // That the connection was cut says nothing of the password. Both connections say the same.
    const refusals = () => told.filter((line) => /does not accept .*; check them: .*REDIS_PASSWORD/.test(line));
    await expect.poll(refusals).toHaveLength(1);
    await redis.askAt(other, "CONFIG", "SET", "requirepass", SECRET);
    expect(await insist(() => template("x"))).toBeNull();
    await expect.poll(() => told.at(-1)).toMatch(/^redis: connected to .* again$/);
    expect(refusals()).toHaveLength(1);
  });

  it("a server without TLS is told from one that is away", async () => {
    const redis = await server();
    const { template } = await worker(`rediss://127.0.0.1:${redis.port}`);
    await expect(template("x")).rejects.toThrow(/it does not answer to TLS; is it a port without\? Then write redis:/);
  });

  it.each([
    ["greets, as NATS does", 'INFO {"server_id":"x"}\r\n', ""],
    ["answers, as a web server does", "", "HTTP/1.1 400 Bad Request\r\n\r\n"],
  ])("another server that %s is said as a mistake of the user's", async (_, greeting, answer) => {
    const other = createServer((socket) => {
      socket.on("error", () => undefined);
      if (greeting !== "") socket.write(greeting);
      if (answer !== "") socket.once("data", () => socket.end(answer));
    });
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void other.close());
    const { port } = other.address() as AddressInfo;
    const { stream, told } = await worker(`redis://127.0.0.1:${port}`);
    const error: unknown = await stream.receive(1, 0, GOES_ON).catch((problem: unknown) => problem);
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).message).toBe(`what answers at 127.0.0.1:${port} does not speak Redis' protocol`);
    expect((error as UserError).hint).toMatch(/another server/);
    expect(told).toEqual([]);
  });

  it("another server in its place later is trouble that may pass", async () => {
    const redis = await server();
    const { proxy, redis: mine } = await behindProxy(redis);
    await mine.template("x");
    proxy.replace("+PONG", "HTTP/");
    proxy.cut();
    await expect
      .poll(() => mine.template("x").catch((error: Error) => `${error.name}: ${error.message}`))
      .toBe(`QueueUnreachable: what answers at 127.0.0.1:${proxy.port} does not speak Redis' protocol`);
  });

  it("a version that is too old is said as a mistake of the user's", async () => {
    const redis = await server();
    const { proxy, redis: mine } = await behindProxy(redis);
    await mine.close();
    proxy.replace("redis_version:7", "redis_version:5");
    const { stream } = await worker(`redis://127.0.0.1:${proxy.port}`);
    await expect(stream.receive(1, 0, GOES_ON)).rejects.toThrow(/is version 5\.\S+, and an inlet needs 6\.2 or later/);
  });

  it("a replica is trouble that may pass, and is left for whoever has its name then", async () => {
    const [primary, redis] = [await server(), await server()];
    const { stream, setStatus, told } = await worker(redis.url);
    await add(redis, "a");
    const got = await receive(stream);
    await redis.ask("REPLICAOF", "127.0.0.1", primary.port);
    const status = [{ id: "c1", state: "sent" }];
    await expect.poll(() => setStatus(status).catch((error: Error) => error.message)).toMatch(/replica/);
    await expect(stream.done(got)).rejects.toThrow(QueueUnreachable);
    await redis.ask("REPLICAOF", "NO", "ONE");
    await insist(() => setStatus(status));
    expect(told.filter((line) => line.includes("replica"))).not.toEqual([]);
  });

  it("no memory left is trouble that may pass", async () => {
    const redis = await server();
    const { setStatus } = await worker(redis.url);
    await redis.ask("CONFIG", "SET", "maxmemory", "1");
    const problem = await setStatus([{ id: "c1", state: "sent" }]).catch((error: unknown) => error);
    expect(problem).toBeInstanceOf(QueueUnreachable);
    expect((problem as Error).message).toMatch(/has no memory left/);
  });

  it("a stream that is none is a mistake of the user's at the start, and trouble later", async () => {
    const redis = await server();
    await redis.ask("SET", STREAM, "x");
    const late = await worker(redis.url, { stream: "x:send" });
    const { stream } = await worker(redis.url);
    await expect(stream.receive(1, 0, GOES_ON)).rejects.toThrow(UserError);
    await late.stream.receive(1, 0, GOES_ON);
    await redis.ask("SET", "x:send", "x");
    await expect(late.stream.receive(1, 0, GOES_ON)).rejects.toThrow(QueueUnreachable);
  });

  it.each([
    "redis://:topsecret@127.0.0.1:99999",
    "http://user:topsecret@127.0.0.1",
    "redis://:topsecret@127.0.0.1/mail",
    "redis://:topsecret@127.0.0.1?x=1",
    "redis://:top%secret@127.0.0.1",
    "topsecret",
  ])("the address %s is a mistake, and is not repeated", async (url) => {
    const error: unknown = await worker(url).catch((problem: unknown) => problem);
    expect(error).toBeInstanceOf(UserError);
    expect((error as Error).message).toMatch(/^the address of Redis has to be redis:/);
    expect((error as Error).message).not.toMatch(/topsecret|top%/);
  });

  it("an empty name is a mistake", async () => {
    await expect(worker("redis://127.0.0.1", { stream: "" })).rejects.toThrow("the name of the Redis stream is empty");
  });
});

describe.skipIf(requireServers("redis"))("TLS", () => {
  it("with a certificate that nobody vouches for is a mistake of the user's", async () => {
    const redis = await server({ tls: "127.0.0.1" });
    const { stream } = await worker(redis.tlsUrl);
    const error: unknown = await stream.receive(1, 0, GOES_ON).catch((problem: unknown) => problem);
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).message).toMatch(/SELF_SIGNED/);
    expect((error as UserError).hint).toMatch(/NODE_EXTRA_CA_CERTS/);
  });

  it("with a certificate that NODE_EXTRA_CA_CERTS vouches for reads jobs", async () => {
    const redis = await server({ tls: "localhost" });
    await add(redis, "a");
    const program = `
      const { openRedis } = await import(${JSON.stringify(import.meta.resolve("../../../dist/queue/redis/redis.js"))});
      const settings = { url: process.argv[1], stream: "email:send", group: "g", consumer: "c", mostDeliveries: 5 };
      const redis = await openRedis(settings, () => undefined);
      const [one] = await redis.stream.receive(1, 20_000, new AbortController().signal);
      console.log(Buffer.from(one.body).toString());
      await redis.close();`;
    const env = { ...process.env, NODE_EXTRA_CA_CERTS: redis.certificate };
    const args = ["--input-type=module", "-e", program, redis.tlsUrl.replace("127.0.0.1", "localhost")];
    expect((await promisify(execFile)(process.execPath, args, { env })).stdout).toBe("a\n");
  });
});

describe.skipIf(requireServers("redis"))("settings of the server that lose jobs", () => {
  it("are told once, with what to set instead", async () => {
    const redis = await server({ settings: ["maxmemory 100mb", "maxmemory-policy allkeys-lru"] });
    const { proxy, redis: mine } = await behindProxy(redis);
    await mine.template("x");
    proxy.cut();
    await expect.poll(() => mine.told.at(-1)).toMatch(/connected to .* again/);
    expect(mine.told.filter((line) => line.includes("Set "))).toEqual([
      "redis: appendonly is off: jobs that no worker has accepted yet are lost when Redis restarts. Set appendonly yes.",
      "redis: maxmemory-policy is allkeys-lru: jobs may vanish before they are read. Set noeviction.",
    ]);
  });

  it("are not told of a server that keeps everything", async () => {
    const redis = await server({ appendOnly: true });
    const { template, told } = await worker(redis.url);
    await template("x");
    expect(told).toEqual([]);
  });
});

describe.skipIf(requireServers("redis"))("a user with few rights", () => {
  const USER = "user mail on >pw ~email:send ~email:send:dlq resetchannels -@all";
  const NEEDED = "+xreadgroup +xpending +xclaim +xrange +xack +xgroup|create +xadd +multi +exec";

  it("without a look at the server, scripts or the sets reads the stream all the same", async () => {
    const redis = await server({ settings: [`${USER} ${NEEDED} +xdel +xinfo|groups`] });
    const { stream, sets, told } = await worker(`redis://mail:pw@127.0.0.1:${redis.port}`);
    await add(redis, "a", "b");
    const [a, b] = await receive(stream, 2);
    await stream.done([a as never]);
    expect(await stream.refuse(b as never, "no")).toBe(true);
    expect(await redis.ask("XLEN", STREAM)).toBe(0);
    expect(await sets.receive(1, 0, GOES_ON)).toEqual([]);
    expect(await sets.receive(1, 0, GOES_ON)).toEqual([]);
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(/^redis: email:send:priority and email:send:delayed are not read\. .*NOPERM/);
  });

  it("that may not delete leaves what is accepted in the stream, and says so once", async () => {
    const redis = await server({ settings: [`${USER} ${NEEDED} +xinfo|groups`] });
    const { stream, told } = await worker(`redis://mail:pw@127.0.0.1:${redis.port}`);
    await add(redis, "a", "b");
    for (const delivery of await receive(stream, 2)) await stream.done([delivery]);
    expect(await pending(redis)).toBe(0);
    expect(await redis.ask("XLEN", STREAM)).toBe(2);
    expect(told.filter((line) => line.includes("XDEL"))).toHaveLength(1);
  });

  it("that may use no channel has its statuses all the same, and hears once that progress is not published", async () => {
    const redis = await server({ settings: ["user mail on >pw ~email:* resetchannels +@all"] });
    const { setStatus, progress, told } = await worker(`redis://mail:pw@127.0.0.1:${redis.port}`);
    for (const issue of ["7", "8"]) await progress(issue, { completed: 1, total: 2 });
    await setStatus([{ id: "a", state: "sent" }]);
    expect(await redis.ask("GET", "email:status:a")).toBe("sent");
    expect(
      told.filter((line) => /progress is not published on email:progress:7\. .*NOPERM.*ACL SETUSER/.test(line)),
    ).toHaveLength(1);
    expect(told.filter((line) => line.includes("progress"))).toHaveLength(1);
  });

  it("that may not read the stream is a mistake of the user's", async () => {
    const redis = await server({ settings: ["user mail on >pw ~email:* -@all +ping"] });
    const { stream } = await worker(`redis://mail:pw@127.0.0.1:${redis.port}`);
    await expect(stream.receive(1, 0, GOES_ON)).rejects.toThrow(UserError);
  });
});
