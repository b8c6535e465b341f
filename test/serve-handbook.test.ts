/** docs/serve.md says what is: its options, examples and metrics are those of the program. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { freePort } from "./support/free-port.ts";
import { run, until, workFolder } from "./support/run.ts";
import { API_KEY, serve } from "./support/serve.ts";

const HANDBOOK = readFileSync(new URL("../docs/serve.md", import.meta.url), "utf8");
/** In order: two requests, an answer, a refusal, a topic. Indented ones too. */
const EXAMPLES = [...HANDBOOK.matchAll(/^( *)```json\n([\s\S]*?)^ *```$/gm)].map(([, , text = ""]) => text);
const [SNAKE, CAMEL, ANSWER, REFUSAL, TOPIC] = EXAMPLES.slice(0, 5).map((text) => JSON.parse(text));

describe("the handbook of serve", () => {
  test("explains every option and every variable of the program, and no other", async () => {
    const { stdout } = await run(await workFolder(), ["serve", "--help"]);
    const [own = ""] = stdout.split("Global Options:");
    const options = [...own.matchAll(/^ {2}(--[a-z-]+)/gm)].map(([, option = ""]) => option);
    const variables = [...own.replaceAll(/\s+/g, " ").matchAll(/env: (SES_MAIL_\w+)/g)].map(([, name = ""]) => name);
    expect(options.length).toBeGreaterThan(20);
    expect(variables.length).toBeGreaterThan(15);
    const rows = [...HANDBOOK.matchAll(/^\| `(--[a-z-]+)[^|]*\| (?:`(SES_MAIL_\w+)`)? ?\|/gm)];
    expect(new Set(rows.map(([, option]) => option))).toEqual(new Set([...options, "--db"]));
    expect(new Set(rows.flatMap(([, , name]) => name ?? []))).toEqual(new Set([...variables, "SES_MAIL_DB"]));
  });

  test("its requests are answered as it says", async () => {
    const gateway = await serve(await workFolder(), ["--sandbox", "--tz", "Asia/Seoul"]);
    const { status, json } = await gateway.post("/v1/messages", SNAKE);
    expect(status).toBe(200);
    expect(json).toMatchObject({ ...ANSWER, duration_ms: expect.any(Number), elapsed: expect.any(String) });
    expect(Object.keys(json).toSorted()).toEqual(Object.keys(ANSWER).toSorted());
    expect(await gateway.post("/v1/messages", CAMEL)).toMatchObject({ status: 200, json: { total: 1, success: 1 } });
    // A uuid is known for good.
    expect(await gateway.post("/v1/messages", CAMEL)).toMatchObject({
      status: 200,
      json: { success: 0, duplicates: 1 },
    });

    const [message] = SNAKE.messages;
    const wrong = { messages: [{ ...message, emails: ["ann@example.com", "b"], colour: 1 }] };
    expect(await gateway.post("/v1/messages", wrong)).toEqual({ status: 400, json: REFUSAL });

    const topic = await gateway.get("/v1/topics/june");
    expect(Object.keys(topic.json)).toEqual(Object.keys(TOPIC));
    expect(await gateway.remove("/v1/topics/june")).toEqual({
      status: 200,
      json: { status: "ok", topic: "june", cancelled: 2, in_flight: 0 },
    });
  });

  test("the metrics it alerts on are measured", async () => {
    // No broker is there. What is measured of it is, from the start.
    const nats = `nats://127.0.0.1:${await freePort()}`;
    const gateway = await serve(await workFolder(), ["--sandbox", "--from", "a@example.com", "--nats", nats]);
    await gateway.get("/ready");
    const named = [...new Set(HANDBOOK.match(/\b(?:ses_mail|process)_[a-z_]+(?=[{[ ])/g))];
    expect(named.length).toBeGreaterThan(6);
    const { json: metrics } = await gateway.get("/metrics");
    expect(named.filter((name) => !new RegExp(`^${name}[ {]`, "m").test(metrics))).toEqual([]);
  });

  test("every route of the description is named in it", async () => {
    const gateway = await serve(await workFolder(), ["--sandbox"]);
    const { json } = await gateway.get("/openapi.json");
    const paths = Object.keys(json.paths).map((path) => path.replace(/\{[^}]*\}.*$/, ""));
    expect(paths.length).toBeGreaterThan(8);
    const dashboards = /^\/v1\/(overview|stream|troubles|suppressions|test)|^\/(sign|dashboard)/;
    expect(paths.filter((path) => !dashboards.test(path) && !HANDBOOK.includes(path))).toEqual([]);
  });

  test("its line about sending is the program's", async () => {
    const gateway = await serve(await workFolder(), ["--sandbox"]);
    const now = { emails: ["ann@example.com"], subject: "s", content: "c" };
    await gateway.post("/v1/messages", { messages: [now] });
    const line = () => /^\{.*"msg":"sending"\}$/m.exec(gateway.running.stderr())?.[0];
    await until(() => line() !== undefined, "the line that sending has begun");
    const written = /^\{.*"msg":"sending"\}$/m.exec(HANDBOOK)?.[0] ?? "{}";
    expect(Object.keys(JSON.parse(line() ?? "{}"))).toEqual(Object.keys(JSON.parse(written)));
    expect(gateway.running.stderr()).not.toContain(API_KEY);
  });

  test("its links lead somewhere", () => {
    const anchors = [...HANDBOOK.matchAll(/^#{1,4} (.*)$/gm)].map(([, title = ""]) =>
      title
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
        .replaceAll(" ", "-"),
    );
    const links = [...HANDBOOK.matchAll(/\]\(#([^)]+)\)/g)].map(([, link]) => link);
    expect(links.length).toBeGreaterThan(15);
    expect(links.filter((link) => !anchors.includes(link ?? ""))).toEqual([]);
  });
});
