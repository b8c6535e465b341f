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
import { run, workFolder } from "../support/run.ts";
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
