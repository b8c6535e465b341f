/** `suppress` as users type it, and its agreement with the list SES keeps. */
import { writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { connectSuppressionList } from "../../src/aws/suppression-list.ts";
import { openJob } from "../support/job.ts";
import { syncSuppressions } from "../../src/work/suppress-sync.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { type Json, run, workFolder } from "../support/run.ts";
import { sesServer } from "../support/ses-server.ts";

async function exported(folder: string): Promise<string[]> {
  const { stdout } = await run(folder, ["suppress", "export"]);
  return stdout
    .trim()
    .split(/\r?\n/)
    .slice(1)
    .map((line) => line.split(",").slice(0, 3).join(","));
}

describe("bad input changes nothing", () => {
  it.each([
    [["suppress", "add", "ann"], `got "ann"`],
    [["suppress", "add", "ann@x.example", "b@"], `got "b@"`],
    [["suppress", "add"], "missing required argument"],
    [["suppress", "remove", "ann@x.example"], "there is no job"],
    [["suppress", "list"], "there is no job"],
    [["suppress", "export"], "there is no job"],
    [["suppress", "import", "none.csv"], "none.csv"],
    [["suppress", "import", "names.csv"], "address"],
  ])("%j", async (args, words) => {
    const folder = await workFolder();
    await writeFile(join(folder, "names.csv"), "name,city\nAnn,Bonn\n");
    const { code, stderr } = await run(folder, args);
    expect(stderr).toContain(words);
    expect(code).toBe(2);
    const list = await run(folder, ["suppress", "list", "--json"]);
    expect(list.code === 2 || list.json.suppressions.length === 0).toBe(true);
  });

  it("import counts rows it cannot use, shows them, and takes in the others", async () => {
    const folder = await workFolder();
    const csv =
      "email,reason,detail\nann@x.example,bounce,550\nnonsense,bounce,\nBOB@x.example,,left\n\nann@X.example,,\n";
    await writeFile(join(folder, "list.csv"), csv);
    const { code, json, stderr } = await run(folder, ["suppress", "import", "list.csv", "--json"]);
    expect(json).toEqual({ rows: 4, added: 2, known: 1, rejected: 1 });
    expect(stderr).toContain("line 3");
    expect(code).toBe(1);
    expect(await exported(folder)).toEqual(["ann@x.example,bounce,import", "bob@x.example,manual,import"]);
  });
});

describe("add, remove, list, export, import", () => {
  it("hold whoever was added, once, whatever the case, and let go who is removed", async () => {
    const folder = await workFolder();
    const add = [
      "suppress",
      "add",
      "Ann@X.example",
      "ann@x.example",
      "bob@x.example",
      "--reason",
      "complaint",
      "--json",
    ];
    expect((await run(folder, [...add, "--note", "by phone"])).json).toEqual({ added: 2, known: 1 });
    const [first] = (await run(folder, ["suppress", "list", "--json"])).json.suppressions;
    expect(first).toMatchObject({
      address: "ann@x.example",
      reason: "complaint",
      source: "manual",
      detail: "by phone",
    });
    const remove = ["suppress", "remove", "ANN@x.example", "carl@x.example", "--json"];
    expect((await run(folder, remove)).json).toEqual({ removed: 1, unknown: 1 });
    expect(await exported(folder)).toEqual(["bob@x.example,complaint,manual"]);
  });

  it("what is exported can be imported elsewhere, over a pipe", async () => {
    const [here, there] = [await workFolder(), await workFolder()];
    await run(here, ["suppress", "add", "ann@x.example", "bob@x.example", "--reason", "bounce"]);
    const { stdout } = await run(here, ["suppress", "export"]);
    expect((await run(there, ["suppress", "import", "-", "--json"], { stdin: stdout })).json).toMatchObject({
      added: 2,
    });
    expect(await exported(there)).toEqual(["ann@x.example,bounce,manual", "bob@x.example,bounce,manual"]);
  });

  it("also when a mail server put control characters into its diagnostic", async () => {
    const [here, there] = [await workFolder(), await workFolder()];
    await run(here, ["suppress", "add", "ann@x.example", "--note", "550 \u001B[31mno\r\nsuch user"]);
    const { stdout } = await run(here, ["suppress", "export"]);
    expect(stdout).toContain(",550  [31mno such user");
    const { json } = await run(there, ["suppress", "import", "-", "--json"], { stdin: stdout });
    expect(json).toMatchObject({ added: 1, rejected: 0 });
  });
});

describe("for everything, for all bulk mail, or for a list", () => {
  const entries = async (folder: string, ...flags: string[]) => {
    const { json } = await run(folder, ["suppress", "list", "--json", ...flags]);
    return json.suppressions.map(({ address, scope, list, reason }: Json) => `${address} ${scope} ${list} ${reason}`);
  };

  it.each([
    [["add", "ann@x.example", "--list", "a/b"], "a list's name expects"],
    [["add", "ann@x.example", "--list", ""], "a list's name expects"],
    [["add", "ann@x.example", "--list", "weekly", "--bulk"], "--list and --bulk exclude each other"],
    [["remove", "ann@x.example", "--list", "a/b"], "a list's name expects"],
    [["list", "--list", "weekly", "--bulk"], "exclude each other"],
    [["export", "--list", "a\u200bb"], "U+200B"],
    [["import", "-", "--list", "/bulk"], "a list's name expects"],
  ])("%j is exit 2 and changes nothing", async (args, words) => {
    const folder = await workFolder();
    await run(folder, ["suppress", "add", "bob@x.example"]);
    const { code, stderr } = await run(folder, ["suppress", ...args], { stdin: "email\nann@x.example\n" });
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(words) });
    expect(await entries(folder)).toEqual(["bob@x.example everything null manual"]);
  });

  it("an address has an entry for each, and remove takes one of them or all", async () => {
    const folder = await workFolder();
    const add = (...flags: string[]) => run(folder, ["suppress", "add", "ann@x.example", "--json", ...flags]);
    for (const flags of [[], ["--bulk"], ["--list", "weekly"], ["--list", "e\u0301t\u00e9"]])
      expect((await add(...flags)).json).toEqual({ added: 1, known: 0 });
    expect((await add("--list", "\u00e9t\u00e9")).json).toEqual({ added: 0, known: 1 });
    expect(await entries(folder)).toEqual([
      "ann@x.example everything null manual",
      "ann@x.example bulk null manual",
      "ann@x.example list weekly manual",
      "ann@x.example list été manual",
    ]);
    expect(await entries(folder, "--list", "weekly")).toEqual(["ann@x.example list weekly manual"]);
    expect(await entries(folder, "--bulk")).toEqual(["ann@x.example bulk null manual"]);
    const remove = (...flags: string[]) => run(folder, ["suppress", "remove", "Ann@x.example", "--json", ...flags]);
    expect((await remove("--list", "weekly")).json).toEqual({ removed: 1, unknown: 0 });
    expect((await remove("--list", "weekly")).json).toEqual({ removed: 0, unknown: 1 });
    expect(await entries(folder)).toHaveLength(3);
    expect((await remove()).json).toEqual({ removed: 1, unknown: 0 });
    expect(await entries(folder)).toEqual([]);
  });

  it("the table says what each entry stops, and that there is none", async () => {
    const folder = await workFolder();
    await run(folder, ["suppress", "add", "ann@x.example", "--list", "weekly"]);
    const { stdout } = await run(folder, ["suppress", "list"]);
    expect(stdout).toMatch(/^address +scope +list +reason +source +since/);
    expect(stdout).toMatch(/ann@x\.example +list +weekly +manual/);
    expect((await run(folder, ["suppress", "list", "--list", "daily"])).stdout).toBe(
      "nobody is suppressed for the list daily alone\n",
    );
    expect((await run(folder, ["suppress", "list", "--bulk"])).stdout).toContain("nobody");
  });

  it("an export read back makes the same entries, also of lists with odd names", async () => {
    const [here, there] = [await workFolder(), await workFolder()];
    const lists = ["weekly", "=1+1", "'x", "a,b", " padded ", "뉴스", "list", "bulk", "everything"];
    for (const list of lists) await run(here, ["suppress", "add", "ann@x.example", "--list", list]);
    await run(here, ["suppress", "add", "ann@x.example", "--bulk", "--reason", "unsubscribe"]);
    await run(here, ["suppress", "add", "ann@x.example", "bob@x.example"]);
    for (const flags of [[], ["--raw"]]) {
      const { stdout } = await run(here, ["suppress", "export", ...flags]);
      expect(stdout).toMatch(/^email,reason,source,created_at,detail,list,scope/);
      const { json } = await run(there, ["suppress", "import", "-", "--json"], { stdin: stdout });
      expect(json).toMatchObject({ rows: 12, rejected: 0 });
      expect((await run(there, ["suppress", "export", ...flags])).stdout).toBe(stdout);
      expect(await entries(there)).toEqual(await entries(here));
    }
    const { stdout } = await run(here, ["suppress", "export", "--list", "weekly"]);
    expect(stdout.trim().split(/\r?\n/)).toHaveLength(2);
  });

  it("an older file, and one from elsewhere, mean what they meant", async () => {
    const folder = await workFolder();
    const old =
      "email,reason,source,created_at,detail\n" +
      "ann@x.example,bounce,event,2026-01-01T00:00:00.000Z,550\n" +
      "bob@x.example,unsubscribe,link,2026-01-01T00:00:00.000Z,\n";
    await run(folder, ["suppress", "import", "-"], { stdin: old });
    await run(folder, ["suppress", "import", "-", "--reason", "unsubscribe"], { stdin: "mail\ncarl@x.example\n" });
    expect(await entries(folder)).toEqual([
      "ann@x.example everything null bounce",
      "bob@x.example bulk null unsubscribe",
      "carl@x.example bulk null unsubscribe",
    ]);
  });

  it("rows beat the flag, and a row that contradicts itself is rejected", async () => {
    const folder = await workFolder();
    const csv =
      "email,Scope,List\na@x.example,,\nb@x.example,,daily\nc@x.example,BULK,\nd@x.example,everything,\n" +
      "e@x.example,bulk,weekly\nf@x.example,list,\ng@x.example,global,\nh@x.example,,a/b\n";
    const { code, stderr, json } = await run(folder, ["suppress", "import", "-", "--list", "weekly", "--json"], {
      stdin: csv,
    });
    expect([code, json]).toEqual([1, { rows: 8, added: 4, known: 0, rejected: 4 }]);
    expect(stderr.trim().split("\n")).toHaveLength(4);
    expect(stderr).toContain('line 8: scope expects everything, bulk or list, got "global"');
    expect(await entries(folder)).toEqual([
      "a@x.example list weekly manual",
      "b@x.example list daily manual",
      "c@x.example bulk null manual",
      "d@x.example everything null manual",
    ]);
  });

  it("somebody who was forgotten stays so in a file", async () => {
    const [here, there] = [await workFolder(), await workFolder()];
    const hash = `forgotten:${"0a".repeat(32)}`;
    const file =
      "email,reason,source,created_at,detail,list,scope\n" +
      `${hash},forgotten,manual,2026-01-01T00:00:00.000Z,,,everything\nforgotten:zz,x,manual,,,,\n`;
    const { json, stderr } = await run(here, ["suppress", "import", "-", "--json"], { stdin: file });
    expect(json).toEqual({ rows: 2, added: 1, known: 0, rejected: 1 });
    expect(stderr).toContain("1 entry of forgotten people added: they stop mail only in the job");
    const { stdout } = await run(here, ["suppress", "export"]);
    expect(stdout).toContain(hash);
    expect((await run(here, ["suppress", "import", "-"], { stdin: stdout })).stderr).not.toContain("forgotten");
    await run(there, ["suppress", "import", "-"], { stdin: stdout });
    expect((await run(there, ["suppress", "export"])).stdout).toBe(stdout);
    expect((await run(there, ["suppress", "remove", hash, "--json"])).json).toEqual({ removed: 1, unknown: 0 });
    expect((await run(there, ["suppress", "remove", "forgotten:zz"])).code).toBe(2);
  });

  it("an unsubscription that is added by hand is one from all bulk mail, unless a list is named", async () => {
    const folder = await workFolder();
    await run(folder, ["suppress", "add", "ann@x.example", "--reason", "unsubscribe"]);
    await run(folder, ["suppress", "add", "bob@x.example", "--reason", "unsubscribe", "--list", "weekly"]);
    expect(await entries(folder)).toEqual([
      "ann@x.example bulk null unsubscribe",
      "bob@x.example list weekly unsubscribe",
    ]);
  });

  it("stops what it says: a list, all bulk mail, and never transactional mail by an unsubscription", async () => {
    const folder = await workFolder();
    const unsubscribed = ["--reason", "unsubscribe"];
    await run(folder, ["suppress", "add", "list@x.example", "--list", "weekly"]);
    await run(folder, ["suppress", "add", "left@x.example", "--list", "weekly", ...unsubscribed]);
    await run(folder, ["suppress", "add", "bulk@x.example", "--bulk"]);
    await run(folder, ["suppress", "add", "all@x.example"]);
    await writeFile(
      join(folder, "june.csv"),
      "email\nlist@x.example\nleft@x.example\nbulk@x.example\nall@x.example\nnone@x.example\n",
    );
    await writeFile(join(folder, "june.html"), "---\nsubject: Hi\nfrom: news@example.com\n---\n<p>Hi</p>");
    const pending = async (topic: string, ...flags: string[]) => {
      const { json } = await run(folder, ["import", "june.csv", "--topic", topic, "--json", ...flags]);
      expect(json.ingest.suppressed + json.totals.pending).toBe(5);
      const { stdout } = await run(folder, ["export", topic, "--state", "pending"]);
      return stdout
        .split(/\r?\n/)
        .slice(1)
        .flatMap((line) => line.split("@")[0] || []);
    };
    expect(await pending("weekly", "--list", "weekly")).toEqual(["none"]);
    expect(await pending("daily", "--list", "daily")).toEqual(["list", "left", "none"]);
    expect(await pending("none")).toEqual(["list", "left", "none"]);
    expect(await pending("code", "--transactional")).toEqual(["list", "left", "bulk", "none"]);
    expect(await pending("receipt", "--transactional", "--list", "weekly")).toEqual(["left", "bulk", "none"]);
  });
});

describe("sync with SES", () => {
  beforeEach(() => {
    vi.stubEnv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "secret");
  });

  /** Both sides with some of their own, in virtual time. */
  async function sides(url: string) {
    vi.stubEnv("AWS_ENDPOINT_URL_SESV2", url);
    const clock = new ManualClock();
    const store = await openJob(join(await workFolder(), "job.db"), clock);
    const list = connectSuppressionList({ region: "us-east-1", clock, signal: new AbortController().signal });
    onTestFinished(async () => {
      await store.close();
      list.close();
    });
    const refused: string[] = [];
    const sync = (fromSes = true, toSes = true) =>
      syncSuppressions(store, list, {
        fromSes,
        toSes,
        onProgress: () => undefined,
        onRefused: (address) => refused.push(address),
      });
    const addresses = async () => {
      const found = [];
      for await (const { address, reason, source } of store.suppressions())
        found.push(`${address} ${reason} ${source}`);
      return found;
    };
    const atSes = async () => {
      const found = [];
      for await (const page of list.pages()) found.push(...page.map(({ address, reason }) => `${address} ${reason}`));
      return found.sort();
    };
    return { clock, store, list, sync, refused, addresses, atSes };
  }

  it("takes in all pages, puts bounces and complaints there, and has nothing to do the second time", async () => {
    const server = await sesServer(await workFolder());
    const { store, list, sync, addresses, atSes } = await sides(server.sandbox.url);
    // More than a page of the sandbox (100).
    for (let n = 100; n < 350; n++) await list.put({ address: `S${n}@x.example`, reason: "BOUNCE" });
    const ours = [
      { address: "s100@x.example", reason: "complaint", source: "event" },
      { address: "new@x.example", reason: "Bounce", source: "import" },
      { address: "angry@x.example", reason: "complaint", source: "event" },
      { address: "left@x.example", reason: "unsubscribe", source: "event" },
      { address: "bounce@simulator.amazonses.com", reason: "bounce", source: "event" },
    ];
    await store.suppress(ours);
    expect(await sync()).toEqual({
      from_ses: { listed: 250, added: 249, known: 1 },
      to_ses: { added: 2, known: 250, skipped: 2, refused: 0 },
    });
    expect(await addresses()).toContain("s349@x.example bounce ses");
    expect(await addresses()).toContain("s100@x.example complaint event");
    expect(await atSes()).toHaveLength(252);
    expect(await atSes()).toContain("angry@x.example COMPLAINT");
    expect(await sync()).toEqual({
      from_ses: { listed: 252, added: 0, known: 252 },
      to_ses: { added: 0, known: 252, skipped: 2, refused: 0 },
    });
  });

  it("one way only, when asked", async () => {
    const server = await sesServer(await workFolder());
    const { store, list, sync, addresses, atSes } = await sides(server.sandbox.url);
    await list.put({ address: "theirs@x.example", reason: "COMPLAINT" });
    await store.suppress([{ address: "ours@x.example", reason: "bounce", source: "event" }]);
    expect(await sync(false, true)).toEqual({
      from_ses: null,
      to_ses: { added: 1, known: 0, skipped: 0, refused: 0 },
    });
    expect(await addresses()).toEqual(["ours@x.example bounce event"]);
    expect(await sync(true, false)).toEqual({ from_ses: { listed: 2, added: 1, known: 1 }, to_ses: null });
    expect(await atSes()).toHaveLength(2);
  });

  it("asks at most once a second, also after a refusal and when it has to ask again", async () => {
    const { clock, store, sync, refused } = await sides(await scripted());
    const instants = asked;
    now = () => clock.monotonic();
    await store.suppress(
      ["a", "b", "c"].map((name) => ({ address: `${name}@x.example`, reason: "bounce", source: "event" })),
    );
    answers = [429, 200, 500, 400, 200, 200];
    expect((await sync()).to_ses).toEqual({ added: 2, known: 0, skipped: 0, refused: 1 });
    expect(refused).toEqual(["a@x.example"]);
    expect(instants).toHaveLength(6);
    const gaps = instants.slice(1).map((instant, index) => instant - (instants[index] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1_000);
  });

  it("stops with one line when SES does not let us, or is not there", async () => {
    const { sync } = await sides(await scripted());
    answers = [403];
    await expect(sync()).rejects.toMatchObject({
      name: "StoppedError",
      hint: expect.stringContaining("ses:ListSuppressedDestinations"),
    });
    const folder = await workFolder();
    const stopped = await run(folder, ["suppress", "sync"], {
      env: { AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "" },
    });
    expect(stopped).toMatchObject({ code: 2, stderr: expect.stringContaining("AWS_ACCESS_KEY_ID") });
    expect(stopped.stderr.trim().split("\n")).toHaveLength(1);
  });

  it("as a program: JSON, and a message that waits for such an address is suppressed", async () => {
    const folder = await workFolder();
    const server = await sesServer(folder);
    const { list } = await sides(server.sandbox.url);
    await list.put({ address: "two@x.example", reason: "BOUNCE" });
    await writeFile(join(folder, "june.csv"), "email\none@x.example\ntwo@x.example\n");
    await writeFile(join(folder, "june.html"), "---\nsubject: Hi\nfrom: news@example.com\n---\n<p>Hi</p>");
    await run(folder, ["import", "june.csv"]);
    const synced = await run(folder, ["suppress", "sync", "--json"], { env: server.env });
    expect(synced.json).toEqual({
      from_ses: { listed: 1, added: 1, known: 0 },
      to_ses: { added: 0, known: 1, skipped: 0, refused: 0 },
    });
    expect(synced.code).toBe(0);
    const stats = await run(folder, ["stats", "june", "--json"]);
    expect(stats.json).toMatchObject({ pending: 1, suppressed: 1 });
  });
});

// An SES that answers with the statuses a test wants ------------------------------------------------------------------

let answers: number[] = [];
let asked: number[] = [];
let now: () => number = () => 0;
const NAMES: Record<number, string> = {
  400: "BadRequestException",
  403: "AccessDeniedException",
  429: "TooManyRequestsException",
  500: "InternalFailure",
};

async function scripted(): Promise<string> {
  [answers, asked] = [[], []];
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    request.resume().on("end", () => {
      asked.push(now());
      const status = answers.shift() ?? 200;
      const error = NAMES[status];
      response.writeHead(status, { "content-type": "application/json", ...(error && { "x-amzn-errortype": error }) });
      response.end(error === undefined ? "{}" : JSON.stringify({ message: "no" }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
