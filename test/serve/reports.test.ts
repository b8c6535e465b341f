/** A topic over time, and its report as a page of the gateway. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createTurns } from "../../src/serve/turns.ts";
import { problems } from "../support/axe.ts";
import { launchBrowser } from "../support/browser.ts";
import { testGateway } from "../support/gateway.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { message, request } from "../store/bench.ts";
import { CONTENT, ingest } from "../support/store-actions.ts";
import { READER, tell } from "../support/story.ts";
import { signIn, stage, visit } from "./dashboard-stage.ts";

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
}, 300_000);
afterAll(() => browser?.close());

const MINUTE = 60_000;

async function told() {
  const clock = new ManualClock();
  const gateway = await testGateway({ clock });
  const link = "https://example.com/sale";
  await tell(gateway.store, clock, {
    fates: [
      { email: "a@example.com", state: "sent", delivered: 1_000, opens: [{ after: MINUTE, agent: READER }] },
      {
        email: "b@example.com",
        state: "sent",
        delivered: 1_000,
        opens: [{ after: 3 * MINUTE, agent: READER }],
        clicks: [
          { after: 4 * MINUTE, link },
          { after: 5 * MINUTE, link },
        ],
      },
      { email: "c@example.com", state: "pending" },
    ],
  });
  return gateway;
}

describe("GET /v1/topics/{id}/lists", () => {
  test("has the counts of stats for each list, the rest added up", async () => {
    const { get, store } = await told();
    await store.accept([
      request(
        ["weekly", "weekly", "daily", null].map((list, index) =>
          message([`p${index}@example.com`], {
            content: { ...CONTENT, subject: String(index), ...(list && { list }) },
          }),
        ),
      ),
    ]);
    const { status, json } = await get("/v1/topics/june/lists");
    expect([status, json.topic, json.by, json.others]).toEqual([200, "june", "list", null]);
    expect(json.rows).toMatchObject([
      { list: null, total: 4, sent: 2, pending: 2, delivered: 2, opened: 2, clicked: 1, click_rate: 0.5 },
      { list: "weekly", total: 2, sent: 0, first_sent_at: null, open_rate: null },
      { list: "daily", total: 1 },
    ]);
    const one = await get("/v1/topics/june/lists?top=1");
    expect([one.json.rows.length, one.json.others.total, one.json.others.list]).toEqual([1, 3, null]);
  });

  test("is 404 for a topic that there is not, and 400 for no number of rows", async () => {
    const { get } = await testGateway();
    expect((await get("/v1/topics/june/lists")).status).toBe(404);
    for (const top of ["0", "1001", "x"]) expect((await get(`/v1/topics/june/lists?top=${top}`)).status).toBe(400);
  });
});

describe("GET /v1/topics/{id}/activity", () => {
  test("has the first opens and clicks over time, and the links", async () => {
    const { get } = await told();
    const { status, json } = await get("/v1/topics/june/activity?tz=Asia/Seoul");
    expect(status).toBe(200);
    const sum = (name: "opened" | "clicked") =>
      json.later[name] + json.bars.reduce((all: number, bar: Record<string, number>) => all + (bar[name] ?? 0), 0);
    expect([json.span, sum("opened"), sum("clicked")]).toEqual(["minute", 2, 1]);
    expect(json.links).toEqual([{ link: "https://example.com/sale", messages: 1, clicks: 2 }]);
    expect(json.other_links).toBe(0);
  });

  test("is empty for a topic that nobody opened, and 404 or 400 for what it does not know", async () => {
    const { get, store } = await testGateway();
    await ingest(store, ["a@example.com"]);
    expect((await get("/v1/topics/june/activity")).json).toEqual({
      span: null,
      bars: [],
      later: { opened: 0, clicked: 0 },
      links: [],
      other_links: 0,
    });
    expect((await get("/v1/topics/none/activity")).status).toBe(404);
    expect((await get("/v1/topics/june/activity?tz=Mars/Base")).status).toBe(400);
  });
});

describe("the report", () => {
  test("is a page under a policy of its own, in the reader's time zone", async () => {
    const { call } = await told();
    const page = await call({ url: "/topics/june/report?tz=Europe/Berlin" });
    expect([page.statusCode, page.headers["content-type"]]).toEqual([200, "text/html; charset=utf-8"]);
    expect(page.headers["content-security-policy"]).toMatch(/^default-src 'none'; style-src 'sha256-/);
    expect(page.body).toContain("Europe/Berlin");
    expect((await call({ url: "/topics/none/report" })).statusCode).toBe(404);
  });

  test("is opened from the topic, quiet and fit for everybody", { timeout: 120_000 }, async () => {
    const found = await stage();
    await ingest(found.store, ["a@example.com"]);
    const { page, complaints } = await visit(browser, found.url);
    await signIn(page, found.url);
    await page.goto(`${found.url}/topics/june/report`);
    expect(await page.getByRole("heading", { level: 1 }).innerText()).toBe("june");
    expect(await problems(page)).toEqual([]);
    expect(complaints).toEqual([]);
  });
});

describe("turns", () => {
  test("go one after the other, also after one that failed, and only so many wait", async () => {
    const turns = createTurns(1);
    const log: string[] = [];
    let end = (): void => undefined;
    const first = turns.take(async () => {
      log.push("first");
      await new Promise<void>((resolve) => (end = resolve));
      throw new Error("failed");
    });
    const second = turns.take(async () => log.push("second"));
    expect(await turns.take(async () => log.push("third"))).toBeNull();
    await Promise.resolve();
    expect(log).toEqual(["first"]);
    end();
    await expect(first).rejects.toThrow("failed");
    expect(await second).toEqual({ value: 2 });
    expect(await turns.take(async () => log.push("fourth"))).toEqual({ value: 3 });
  });
});
