// oxlint-disable vitest/valid-expect -- vitest takes a message as second argument
/** The dashboard as people use it: a real browser in front of a real gateway. */
import { createHash } from "node:crypto";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { printable } from "../../src/printable.ts";
import { launchBrowser } from "../support/browser.ts";
import { CONTENT, failed, inDoubt, ingest, messagesOf, sent, settle, states, turn } from "../support/store-actions.ts";
import { type Stage, signIn, stage, visit } from "./dashboard-stage.ts";

/** Written for browsers, but nothing in it is theirs. */
const FORMAT = new URL("../../src/serve/dashboard/format.js", import.meta.url).href;
const { visible } = (await import(FORMAT)) as { visible(text: string): string };

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
  // Long, in case the browser has to be installed first.
}, 300_000);
afterAll(() => browser?.close());

const SANDBOX = { topic: null, endpoint: "sandbox", maxLateMs: null } as const;
const people = (count: number, name = "p") =>
  Array.from({ length: count }, (_, index) => `${name}${index}@example.com`);

/** Ten messages of `june`: four sent, two failed, one in doubt, three pending. */
async function troubled(topic = "june"): Promise<Stage> {
  const found = await stage();
  await ingest(found.store, people(10), { topic });
  const { claims } = await turn(found.store, 7, { scope: SANDBOX });
  const [a, b, c, d, e, f, g] = claims;
  await settle(found.store, sent(a), sent(b), sent(c), sent(d), failed(e), failed(f), inDoubt(g));
  return found;
}

async function count(found: Stage, topic = "june"): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const state of Object.values(await states(found.store, topic))) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}

/** The page of a signed-in person; what it complained of must stay empty. */
async function enter(found: Stage, hash = "#/", key?: string) {
  const visited = await visit(browser, found.url);
  visited.page.setDefaultTimeout(25_000);
  await signIn(visited.page, found.url, key);
  await visited.page.goto(`${found.url}/${hash}`);
  await visited.page.getByRole("heading", { level: 1 }).waitFor();
  return visited;
}

const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true });

describe("signing in and out", () => {
  test("a wrong key gets one clear line, the right one the dashboard, signing out the page again", async () => {
    const found = await stage();
    const { page, complaints } = await visit(browser, found.url, { expected: [401] });
    await signIn(page, found.url, "not-a-key-of-this-gateway");
    expect(await page.getByRole("alert").innerText()).toBe("This key is wrong, or it was revoked.");
    expect(await page.getByLabel("API key").inputValue()).toBe("");
    await signIn(page, found.url);
    expect(await page.getByRole("heading", { level: 1 }).innerText()).toBe("Topics");
    await button(page, "Sign out").click();
    await page.getByLabel("API key").waitFor();
    await page.goto(`${found.url}/#/suppressions`);
    await page.getByLabel("API key").waitFor();
    expect(await page.context().cookies()).toEqual([]);
    expect(complaints).toEqual([]);
  });

  test("when the key is revoked, the sign-in page comes by itself", async () => {
    const found = await stage();
    const key = "reader-key-of-the-test";
    const digest = createHash("sha256").update(key).digest();
    await found.store.addKey({ name: "reader", digest, scopes: ["read"] });
    const { page } = await enter(found, "#/", key);
    await found.store.revokeKey("reader");
    await expect.poll(() => page.title(), { timeout: 20_000 }).toBe("Sign in – ses-mail");
  });

  test("a key sees and may press what its scopes allow", async () => {
    const found = await troubled();
    const digest = (key: string) => createHash("sha256").update(key).digest();
    for (const scope of ["send", "read"] as const)
      await found.store.addKey({ name: scope, digest: digest(`${scope}-key-of-the-test`), scopes: [scope] });
    const both = "read-and-send-key-of-the-test";
    await found.store.addKey({ name: "both", digest: digest(both), scopes: ["read", "send"] });
    const { page: reader } = await enter(found, "#/topics/june", "read-key-of-the-test");
    await button(reader, "Text").waitFor();
    expect(await reader.getByRole("button").allInnerTexts()).toEqual(["Sign out", "HTML", "Text"]);
    expect(await reader.getByRole("link", { name: "Send it as a test" }).count()).toBe(0);
    expect(await reader.getByRole("navigation", { name: "Views" }).getByRole("link").allInnerTexts()).toEqual([
      "Topics",
      "People",
      "Issues 3",
      "Suppressions",
    ]);
    await reader.goto(`${found.url}/#/suppressions`);
    await reader.getByText("Nobody is suppressed").waitFor();
    expect(await reader.getByRole("button").allInnerTexts()).toEqual(["Sign out"]);
    const { page: half } = await enter(found, "#/topics/june", both);
    await button(half, "Text").waitFor();
    expect(await half.getByRole("button").allInnerTexts()).toEqual(["Sign out", "Pause…", "Cancel…", "HTML", "Text"]);
    const { page: sender, complaints } = await enter(found, "#/", "send-key-of-the-test");
    expect(await sender.getByRole("heading", { level: 1 }).innerText()).toBe("Send a test");
    expect(await sender.getByRole("button").allInnerTexts()).toEqual(["Sign out", "Send the test"]);
    expect(complaints).toEqual([]);
  });
});

describe("a campaign", () => {
  test("is seen moving from the first mail to the last, without loading anything again", async () => {
    // Some seconds of sending.
    const found = await stage({ sending: true, perSecond: 250 });
    const { page, complaints } = await enter(found);
    await page.getByText("Nothing was sent yet").waitFor();
    await ingest(found.store, people(1_250), { topic: "june" });
    found.gateway.sender.wake();
    const row = page.getByRole("row", { name: /june/ });
    const seen = new Set<string>();
    await expect
      .poll(
        async () => {
          const line = await row.locator(".line").first().innerText();
          seen.add(line);
          return line;
        },
        { timeout: 50_000, interval: 200 },
      )
      .toMatch(/^1,250 recipients · last sent /);
    const between = [...seen].filter((line) => / of 1,250 · /.test(line) && !line.startsWith("0 of"));
    expect(between.length).toBeGreaterThan(1);
    expect(between.some((line) => /\/s · about \d+ s left$/.test(line))).toBe(true);
    expect(await row.getByRole("cell").allInnerTexts()).toEqual(["1,250", "1,250", "–", "–", "0", "0"]);
    // Told to those who hear, too.
    await expect.poll(() => page.locator("[aria-live=polite]").innerText()).toBe("june: finished.");
    expect(complaints).toEqual([]);
  }, 90_000);

  test("shows where every message is, and what came back", async () => {
    const found = await troubled();
    const { page, complaints } = await enter(found, "#/topics/june");
    const progress = page.getByRole("region", { name: "Progress" });
    // The parts of the page are asked for one by one, and come when they come.
    await expect
      .poll(() => progress.getByRole("listitem").allInnerTexts())
      .toEqual(["sent 4", "in doubt 1", "failed 2", "pending 3", "= 10 in all"]);
    const rowsOf = (name: string) => page.getByRole("region", { name }).getByRole("row").allInnerTexts();
    await expect
      .poll(async () => (await rowsOf("Funnel")).map((row) => row.replace(/\s+/g, " ").trim()))
      .toEqual([
        "Step Messages Of sent",
        "Recipients 10",
        "Sent 4 100 %",
        "Delivered – –",
        "Opened – –",
        "Clicked – –",
      ]);
    await page.getByText("Opens are inflated").waitFor();
    await expect
      .poll(async () =>
        (await rowsOf("Failed and in doubt")).slice(1).map((row) => row.split(/\s+/).slice(0, 3).join(" ")),
      )
      .toEqual(["p6@example.com in doubt", "p5@example.com failed refused", "p4@example.com failed refused"]);
    expect(complaints).toEqual([]);
  });

  test("says why nothing moves, and what to do", async () => {
    const found = await troubled();
    found.acts.sender = {
      state: "halted",
      reason: "sending is paused for this account",
      hint: "resume it in the SES console",
    };
    const { page } = await enter(found);
    const banner = page.getByRole("alert");
    await banner.getByText("Sending is halted: sending is paused for this account").waitFor();
    expect(await banner.innerText()).toContain("Resume it in the SES console.");
    expect(await page.getByRole("row", { name: /june/ }).innerText()).toContain("Halted");
    found.acts.sender = { state: "idle" };
    await banner.getByText("Sending is halted").waitFor({ state: "detached" });
  });

  test("too old for the overview is found by a part of its name", async () => {
    const found = await stage();
    for (let index = 0; index < 53; index++) await ingest(found.store, ["a@example.com"], { topic: `topic ${index}` });
    await found.store.cancel("topic 1");
    const { page, complaints } = await enter(found);
    const asked: string[] = [];
    page.on("request", (request) => void asked.push(new URL(request.url()).search));
    const rows = page.getByRole("rowheader");
    await page.getByText("The newest 50 of 53 topics").waitFor();
    expect(await rows.count()).toBe(50);
    // What the stream brings is not asked for.
    expect(asked).toEqual([]);
    await page.getByLabel("Find a topic").fill("OPIC 1");
    await page.getByText("11 of 53 topics").waitFor();
    expect(await rows.count()).toBe(11);
    expect(asked[0]).toBe("?limit=50&waiting=false&q=OPIC%201");
    await page.getByLabel("Only with mail that waits").check();
    await page.getByText("10 of 53 topics").waitFor();
    await page.getByLabel("Find a topic").fill("no such");
    await page.getByText("No topic with “no such” in its name has mail that waits.").waitFor();
    await page.getByLabel("Only with mail that waits").uncheck();
    await page.getByText("No topic has “no such” in its name.").waitFor();
    await page.getByLabel("Find a topic").fill("topic 0");
    await page.getByRole("link", { name: "topic 0" }).click();
    await page.getByText("0 of 1 · 0 %").waitFor();
    await button(page, "Cancel…").click();
    await button(page, "Cancel the topic").click();
    await page.getByText("1 message taken back.").waitFor();
    // The search is still there.
    await page.getByRole("link", { name: "← Topics" }).click();
    await page.getByText("1 of 53 topics").waitFor();
    expect(complaints).toEqual([]);
  });

  test("is listed with all others when more are asked for", async () => {
    const found = await stage();
    for (let index = 0; index < 53; index++) await ingest(found.store, ["a@example.com"], { topic: `topic ${index}` });
    const { page, complaints } = await enter(found);
    await button(page, "Show more").click();
    await page.getByRole("heading", { name: "53 topics", exact: true }).waitFor();
    const rows = page.getByRole("rowheader");
    expect(await rows.count()).toBe(53);
    expect(await button(page, "Show more").count()).toBe(0);
    // A new topic comes by itself, and what the stream tells of is as new as the stream.
    await ingest(found.store, ["a@example.com"], { topic: "the newest" });
    await page.getByRole("heading", { name: "54 topics", exact: true }).waitFor();
    expect(await rows.first().innerText()).toContain("the newest");
    await found.store.cancel("topic 50");
    await expect.poll(() => page.getByRole("row", { name: /topic 50/ }).innerText()).toContain("Cancelled");
    expect(complaints).toEqual([]);
  });
});

describe("actions", () => {
  test("cancel says how many, does nothing when it is not meant, and can be undone", async () => {
    const found = await troubled();
    const { page, complaints } = await enter(found, "#/topics/june");
    await button(page, "Cancel…").click();
    const dialog = page.getByRole("dialog", { name: "Cancel june?" });
    expect(await dialog.innerText()).toContain("3 messages that wait will be taken back.");
    await button(page, "Keep sending").click();
    await dialog.waitFor({ state: "detached" });
    expect(await count(found)).toMatchObject({ pending: 3 });
    await button(page, "Cancel…").click();
    await button(page, "Cancel the topic").click();
    await page.getByRole("status").getByText("3 messages taken back.").waitFor();
    expect(await count(found)).toMatchObject({ cancelled: 3 });
    await page.getByText("This topic is cancelled.").waitFor();
    await button(page, "Open again…").click();
    await button(page, "Send 3").click();
    await page.getByText("3 messages put back into the queue.").waitFor();
    expect(await count(found)).toMatchObject({ pending: 3 });
    expect(complaints).toEqual([]);
  });

  test("retrying what failed leaves the doubts alone", async () => {
    const found = await troubled();
    const { page, complaints } = await enter(found, "#/topics/june");
    await button(page, "Retry 2 failed…").click();
    await button(page, "Retry 2").click();
    await page.getByText("2 messages put back into the queue.").waitFor();
    expect(await count(found)).toEqual({ sent: 4, pending: 5, in_doubt: 1 });
    await button(page, "Retry 2 failed…").waitFor({ state: "detached" });
    expect(complaints).toEqual([]);
  });

  test("retrying doubts says that there may be second copies", async () => {
    const found = await troubled();
    const { page, complaints } = await enter(found, "#/topics/june");
    await button(page, "Retry 1 in doubt…").click();
    expect(await page.getByRole("dialog").innerText()).toContain("This person may get a second copy.");
    await button(page, "Leave in doubt").click();
    expect(await count(found)).toMatchObject({ in_doubt: 1 });
    await button(page, "Retry 1 in doubt…").click();
    await button(page, "Send 1 again").click();
    await page.getByText("1 message put back into the queue.").waitFor();
    expect(await count(found)).toEqual({ sent: 4, pending: 4, failed: 2 });
    expect(complaints).toEqual([]);
  });

  test("what goes wrong is said where it was asked for", async () => {
    const found = await troubled();
    const { page } = await enter(found, "#/topics/june");
    await page
      .context()
      .route("**/retry", (route) => route.fulfill({ status: 503, json: { error: "the disk is full" } }));
    await button(page, "Retry 2 failed…").click();
    await button(page, "Retry 2").click();
    await page.getByRole("dialog").getByRole("alert").getByText("the disk is full").waitFor();
    expect(await button(page, "Retry 2").isEnabled()).toBe(true);
  });

  test("suppressions are found, added and removed", async () => {
    const found = await troubled();
    await found.store.suppress([
      { address: "spam@example.org", reason: "complaint", source: "event", detail: "<b>abuse</b>" },
      { address: "other@example.org", reason: "manual", source: "manual" },
    ]);
    const { page, complaints } = await enter(found, "#/suppressions");
    await page.getByRole("row", { name: /other@/ }).waitFor();
    await page.getByLabel("Find an address").fill("SPAM");
    await page.getByRole("row", { name: /other@/ }).waitFor({ state: "detached" });
    await button(page, "Remove spam@example.org").click();
    const dialog = page.getByRole("dialog");
    expect(await dialog.innerText()).toContain("This person reported a mail of yours as spam.");
    expect(await dialog.innerText()).toContain("<b>abuse</b>");
    await button(page, "Remove from the list").click();
    await page.getByText("spam@example.org may be written to again.").waitFor();
    await page.getByText("No suppressed address contains “SPAM”.").waitFor();
    await page.getByRole("textbox", { name: "Addresses" }).fill("p7@example.com, p8@example.com\nnonsense");
    await button(page, "Suppress").click();
    await page.getByRole("alert").getByText("nonsense").waitFor();
    // Once, and without a place in a list that nobody wrote.
    expect(await page.locator("p.problem").innerText()).toBe('"nonsense" has no @');
    await page.getByRole("textbox", { name: "Addresses" }).fill("p7@example.com, p8@example.com\nother@example.org");
    await page.getByLabel("Note").fill("asked by phone");
    await button(page, "Suppress").click();
    await page.getByText("2 addresses added, 1 known before.").waitFor();
    expect(await count(found)).toMatchObject({ suppressed: 2, pending: 1 });
    await page.getByLabel("Find an address").fill("p7");
    await page.getByRole("row", { name: /p7@.*Everything.*asked by phone/ }).waitFor();
    // The same address for a list is an entry of its own, which is removed alone.
    await page.getByRole("textbox", { name: "Addresses" }).fill("p7@example.com");
    await page.getByLabel("They no longer get").selectOption("mail of one list");
    await page.getByLabel("Name of the list").fill("weekly");
    await button(page, "Suppress").click();
    await page.getByText("1 address added.").waitFor();
    await page.getByRole("row", { name: /p7@.*List weekly/ }).waitFor();
    await button(page, "Remove p7@example.com, List weekly").click();
    await button(page, "Remove from the list").click();
    await page.getByText("p7@example.com may get mail of the list weekly again.").waitFor();
    await page.getByRole("row", { name: /p7@.*List weekly/ }).waitFor({ state: "detached" });
    await page.getByRole("row", { name: /p7@.*Everything/ }).waitFor();
    // The refusal of "nonsense" is one the browser writes down.
    expect(complaints).toEqual([expect.stringContaining("status of 400")]);
  });

  test("a test mail goes out, and has its SES message id told", async () => {
    const found = await stage({ sending: true });
    const { page, complaints } = await enter(found, "#/test");
    await page.getByLabel("To").fill("ann@example.com");
    await page.getByLabel("Subject").fill("한국어 subject");
    await page.getByLabel("HTML").fill("<h1>Hello</h1>");
    await button(page, "Send the test").click();
    await page.getByRole("status").getByText("Sent to ann@example.com. SES message id: ").waitFor();
    expect(found.ses?.received()).toEqual(["ann@example.com"]);
    expect(complaints).toEqual([]);
  });
});

describe("the mail of a topic", () => {
  const HTML = `<h1>Hi</h1><script>parent.document.title = "run"</script><img src="https://example.com/p.png" alt="p">`;

  test("is shown in a sandbox that runs nothing and loads nothing, as text, and sent as a test", async () => {
    const found = await stage({ sending: true });
    await ingest(found.store, ["ann@example.com"], { topic: "june", content: { ...CONTENT, html: HTML, text: "Hi" } });
    await found.store.cancel("june");
    const { page, complaints } = await enter(found, "#/topics/june");
    const card = page.getByRole("region", { name: "The mail" });
    await card.getByText("news@example.com").waitFor();
    expect(await card.locator("dl").innerText()).toMatch(
      /Subject\s+Hello\s+From\s+news@example.com\s+To\s+ann@example.com/,
    );
    await page.frameLocator("iframe").getByRole("heading", { name: "Hi" }).waitFor();
    expect(await page.locator("iframe").getAttribute("sandbox")).toBe("");
    expect(await page.title()).toBe("june – ses-mail");
    await button(page, "Text").click();
    expect(await card.locator("pre").innerText()).toBe("Hi");
    await page.getByRole("link", { name: "Send it as a test" }).click();
    await page.getByLabel("To").fill("me@example.com");
    expect(await page.getByLabel("Which mail").inputValue()).toBe("june");
    await button(page, "Send the test").click();
    await page.getByRole("status").getByText("Sent to me@example.com.").waitFor();
    expect(found.ses?.received()).toEqual(["me@example.com"]);
    // Only that the picture was not loaded, and the script not run. Nothing was asked of another host.
    for (const text of complaints) expect(text).toMatch(/Content Security Policy|sandbox|scripts/);
  });
});

describe("people", () => {
  test("what did Ann get? Her messages in every topic, and why she gets no more", async () => {
    const found = await troubled();
    await ingest(found.store, ["P4@example.com"], { topic: "july" });
    await found.store.suppress([{ address: "p4@example.com", reason: "complaint", source: "event", detail: "abuse" }]);
    const { page, complaints } = await enter(found, "#/issues");
    await page.getByRole("link", { name: "p4@example.com" }).click();
    await page.getByText("2 messages in all, newest first.").waitFor();
    const rows = await page.getByRole("row").allInnerTexts();
    expect(rows.slice(1).map((row) => row.split(/\s+/).slice(0, 2).join(" "))).toEqual([
      "july suppressed",
      "june failed",
    ]);
    expect(rows[2]).toContain("refused");
    expect(await page.getByRole("region", { name: "p4@example.com" }).innerText()).toMatch(
      /Suppressed\s+Complaint, since .*abuse/,
    );
    await button(page, "Remove…").click();
    await button(page, "Remove from the list").click();
    await page.getByText("Not suppressed").waitFor();
    await page.getByLabel("Address").fill("nobody@example.com");
    await page.keyboard.press("Enter");
    await page.getByText("No message to this address is kept.").waitFor();
    await page.getByLabel("Address").fill("nonsense");
    await button(page, "Find").click();
    await page.getByText("No message has this uuid, id, SES message id or job id.").waitFor();
    expect(complaints).toEqual([]);
  });

  test("a mail is found by its uuid, its id and its SES message id, with its history", async () => {
    const found = await stage();
    await found.post({
      messages: [
        { topic_id: "codes", emails: ["ann@example.com"], subject: "Code", content: "<p>1</p>", uuid: "code-1" },
      ],
    });
    const { claims } = await turn(found.store, 1, { scope: { topic: null, endpoint: "sandbox", maxLateMs: null } });
    await settle(found.store, sent(claims[0], "0100-ses-id"));
    const { page, complaints } = await enter(found, "#/people/code-1");
    for (const wanted of ["code-1", String(claims[0]?.id), "0100-ses-id", "<0100-ses-id@email.amazonses.com>"]) {
      await page.getByLabel("Address").fill(wanted);
      await button(page, "Find").click();
      const facts = page.locator(".history li");
      await facts.nth(1).waitFor();
      expect(await facts.allInnerTexts(), wanted).toEqual([
        expect.stringMatching(/^posted as code-1\s.*, from a request$/s),
        expect.stringMatching(/^the sandbox took it in as 0100-ses-id\s.*, from the answer to our call$/s),
      ]);
      await page.getByRole("link", { name: "ann@example.com" }).waitFor();
    }
    await page.getByRole("link", { name: "ann@example.com" }).click();
    await page.getByText("Not suppressed").waitFor();
    await found.store.forget("ann@example.com", new AbortController().signal);
    await page.getByText("This person was forgotten").waitFor();
    expect(complaints).toEqual([]);
  });
});

test("messages that were removed are told where they are counted", async () => {
  const found = await troubled();
  const { page, complaints } = await enter(found);
  const row = page.getByRole("row", { name: /june/ });
  await row.getByText("10", { exact: true }).waitFor();
  expect(await row.innerText()).not.toContain("removed");
  const [{ email } = { email: "" }] = await messagesOf(found.store, "june", ["failed"]);
  await found.store.forget(email, new AbortController().signal);
  await row.getByText(/ · 1 removed$/).waitFor();
  expect(complaints).toEqual([]);
});

describe("a cancelled topic", () => {
  test("is never complete", async () => {
    const found = await troubled();
    await found.store.cancel("june");
    const { page } = await enter(found);
    const row = page.getByRole("row", { name: /june/ });
    await row.getByText(/^4 of 10 sent · cancelled /).waitFor();
    expect(await row.innerText()).not.toContain("100 %");
    await page.goto(`${found.url}/#/topics/june`);
    await page
      .getByRole("region", { name: "Progress" })
      .getByText(/^4 of 10 sent · cancelled /)
      .waitFor();
  });
});

describe("pausing", () => {
  test("asks first, and posts to the topic's routes", async () => {
    const found = await troubled();
    const { page } = await enter(found, "#/topics/june");
    const asked: string[] = [];
    await page.context().route(/\/(pause|resume)$/, (route) => {
      asked.push(
        `${route.request().method()} ${new URL(route.request().url()).pathname} ${route.request().postData()}`,
      );
      return route.fulfill({ json: {} });
    });
    await button(page, "Pause…").click();
    expect(await page.getByRole("dialog", { name: "Pause june?" }).innerText()).toContain(
      "3 messages stay where they are",
    );
    await button(page, "Keep sending").click();
    expect(asked).toEqual([]);
    await button(page, "Pause…").click();
    await button(page, "Pause the topic").click();
    await page.getByText("Nothing of this topic leaves until somebody resumes it.").waitFor();
    expect(asked).toEqual(["POST /v1/topics/june/pause {}"]);
  });
});

describe("names from outside", () => {
  const NAMES = [
    `<img src=x onerror="document.title='run'">`,
    "\u202egnp.exe\u202c ${alert(1)} {{ x }}",
    "ш".repeat(100),
    "100% & 뉴스레터 ? # 1월",
    "مرحبا بالعالم",
  ];

  test("are text, on every view, and never move the page", async () => {
    const found = await stage();
    for (const topic of NAMES) {
      await ingest(found.store, people(2), { topic });
      const { claims } = await turn(found.store, 1, { scope: { ...SANDBOX, topic } });
      const [claim] = claims;
      await settle(found.store, {
        kind: "failed",
        id: claim?.id ?? 0,
        error: `${topic}<script>document.title='run'</script>\u0007`,
      });
    }
    const long = `${"x".repeat(64)}@${"y".repeat(60)}.example`;
    await found.store.suppress([
      {
        address: `"><img onerror=alert(1)>@example.org`,
        reason: NAMES[0] ?? "",
        source: "import",
        detail: NAMES[1] ?? "",
      },
      { address: long, reason: "manual", source: "import", detail: NAMES[2] ?? "" },
    ]);
    const { page, complaints } = await enter(found);
    await page.setViewportSize({ width: 360, height: 740 });
    for (const name of NAMES) {
      await page.goto(`${found.url}/#/`);
      await page.getByRole("link", { name: visible(name), exact: true }).click();
      await page.getByRole("heading", { level: 1, name: visible(name), exact: true }).waitFor();
      await page.getByRole("rowheader", { name: visible(`${name}<script>`) }).waitFor();
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(360);
    }
    for (const view of ["#/", "#/issues", "#/suppressions"]) {
      await page.goto(`${found.url}/${view}`);
      await page.getByRole("table").waitFor();
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(360);
    }
    expect(await page.locator("main img, main script").count()).toBe(0);
    expect(await page.title()).not.toContain("run");
    expect(complaints).toEqual([]);
  });

  test("show what nobody would see, as the command line does", () => {
    for (const text of ["a\u202eb", "\u0000\u001b[31m\n\r\t", "\u200b\ufeff\u2066", "\u200d👩‍👩‍👧 plain", "\u0085"])
      expect(visible(text)).toBe(printable(text));
  });
});

test("a lost connection is said, and mended by itself", async () => {
  const found = await troubled();
  const { page } = await enter(found, "#/topics/june");
  await page.context().setOffline(true);
  // Going offline leaves what is open alone: the stream has to break, too.
  await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))");
  await page.getByText("The connection to the gateway is lost.").waitFor();
  expect(await page.getByText("4", { exact: true }).count()).toBeGreaterThan(0);
  await page.context().setOffline(false);
  await page.getByText("The connection to the gateway is lost.").waitFor({ state: "detached" });
  await found.store.cancel("june");
  await page.getByText("This topic is cancelled.").waitFor();
});

test("everything can be reached and done by keyboard", async () => {
  const found = await troubled();
  const { page, complaints } = await visit(browser, found.url);
  await page.goto(found.url);
  const focused = () =>
    page.evaluate<string>("document.activeElement.textContent.trim() || document.activeElement.name");
  const tabTo = async (name: string) => {
    for (let presses = 0; presses < 40 && (await focused()) !== name; presses++) await page.keyboard.press("Tab");
    expect(await focused()).toBe(name);
  };
  // The field takes the focus by itself.
  await expect.poll(focused).toBe("key");
  await page.keyboard.type("a-key-for-the-tests-only");
  await page.keyboard.press("Enter");
  await page.getByRole("link", { name: "june" }).waitFor();
  await page.keyboard.press("Tab");
  expect(await focused()).toBe("Skip to the content");
  await page.keyboard.press("Enter");
  await tabTo("june");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "june" }).waitFor();
  expect(await focused()).toBe("june");
  await tabTo("Cancel…");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  // What does no harm comes first.
  expect(await focused()).toBe("Keep sending");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  expect(await focused()).toBe("Cancel…");
  expect(await count(found)).toMatchObject({ pending: 3 });
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Tab");
  expect(await focused()).toBe("Cancel the topic");
  await page.keyboard.press("Enter");
  await page.getByText("3 messages taken back.").waitFor();
  // Its button is gone: the focus is not lost with it.
  expect(await focused()).toBe("june");
  expect(await count(found)).toMatchObject({ cancelled: 3 });
  expect(complaints).toEqual([]);
});
