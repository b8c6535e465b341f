import { Ajv2020 } from "ajv/dist/2020.js";
import { expect, onTestFinished, test } from "vitest";
import { launchBrowser } from "../support/browser.ts";
import type { Json } from "../support/run.ts";
import { testGateway } from "../support/gateway.ts";

async function documentation(): Promise<Json> {
  const { app } = await testGateway();
  const answer = await app.inject({ url: "/openapi.json" });
  expect(answer.headers["content-type"]).toContain("application/json");
  return answer.json();
}

test("describes every route of the contract, with what each needs and answers", async () => {
  const { openapi, paths, components } = await documentation();
  expect(openapi).toBe("3.1.0");
  expect(components.securitySchemes["x-api-key"]).toEqual({ type: "apiKey", in: "header", name: "x-api-key" });
  const routes = Object.entries<Json>(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(routes).toEqual(
    expect.arrayContaining([
      "POST /v1/messages",
      "GET /v1/messages",
      "GET /v1/messages/{id}",
      "GET /v1/topics",
      "GET /v1/topics/{id}",
      "DELETE /v1/topics/{id}",
      "POST /v1/topics/{id}/pause",
      "POST /v1/topics/{id}/resume",
      "GET /v1/events/counts/sent",
      "GET /v1/events/open",
      "POST /v1/events/results",
      "GET /u/{token}",
      "POST /u/{token}",
      "GET /health",
      "GET /ready",
      "GET /metrics",
    ]),
  );
  expect(paths["/v1/messages"].post.security).toEqual([{ "x-api-key": [] }, { bearer: [] }]);
  expect(paths["/health"].get.security).toEqual([]);
  expect(Object.keys(paths["/v1/messages"].post.responses)).toEqual(
    expect.arrayContaining(["200", "400", "401", "403", "409", "413", "415", "429", "500", "503"]),
  );
});

test("each operation says what it is and answers something", async () => {
  const { paths } = await documentation();
  for (const [path, methods] of Object.entries<Json>(paths)) {
    for (const [method, operation] of Object.entries<Json>(methods)) {
      expect.soft(operation.summary, `${method} ${path}`).toBeTypeOf("string");
      expect.soft(Object.keys(operation.responses).length, `${method} ${path}`).toBeGreaterThan(0);
    }
  }
});

test("an error says what its status means", async () => {
  const { paths } = await documentation();
  for (const [path, methods] of Object.entries<Json>(paths)) {
    for (const [method, { responses }] of Object.entries<Json>(methods)) {
      const errors = Object.entries<Json>(responses).filter(([status]) => Number(status) >= 400);
      const texts = errors.map(([, { description }]) => description);
      expect.soft(new Set(texts).size, `${method} ${path}: ${texts.join(", ")}`).toBe(texts.length);
    }
  }
  const { responses } = paths["/v1/messages"].post;
  expect(responses["401"].description).toContain("API key");
  expect(responses["500"].description).not.toContain("Nothing was done");
});

/** What a page makes of a schema: its example, or one of its fields, by the first way to choose them. */
function exampleOf({ examples, properties, items, anyOf = [] }: Json): Json {
  if (examples !== undefined) return examples[0];
  if (items !== undefined) return [exampleOf(items)];
  if (properties === undefined) return undefined;
  const [first, ...others] = anyOf.map(({ required }: Json) => required as string[]);
  const elsewhere = new Set(others.flat().filter((name: string) => !first.includes(name)));
  const given = Object.entries<Json>(properties).filter(([name]) => !elsewhere.has(name));
  const fields = given.map(([name, schema]) => [name, exampleOf(schema)]);
  return Object.fromEntries(fields.filter(([, value]) => value !== undefined));
}

test("its own examples are taken in, whole and put together from those of the fields", async () => {
  const gateway = await testGateway({ sending: true, settings: { zone: null } });
  const { paths } = (await gateway.app.inject({ url: "/openapi.json" })).json();
  const tried: { path: string; method: string; bodies: Json[] }[] = [];
  for (const [path, methods] of Object.entries<Json>(paths)) {
    for (const [method, { requestBody }] of Object.entries<Json>(methods)) {
      const { schema, example } = requestBody?.content?.["application/json"] ?? {};
      if (schema === undefined) continue;
      // What to do with a topic needs one, so mail is posted first; a test mail needs somebody who is not suppressed.
      tried.push({ path, method, bodies: schema.properties.messages ? [example, exampleOf(schema)] : [example] });
    }
  }
  const order = ["/v1/messages", "/v1/test", "/v1/templates/{name}"];
  expect(tried.map(({ path }) => path)).toEqual(expect.arrayContaining([...order, "/v1/suppressions"]));
  for (const { path, method, bodies } of tried.toSorted((a, b) => rank(order, a.path) - rank(order, b.path))) {
    for (const body of bodies) {
      const answer = await gateway.call({
        method: method.toUpperCase() as "POST",
        url: path.replace("{id}", "june").replace("{name}", "code"),
        headers: { "content-type": "application/json" },
        payload: JSON.stringify(body),
      });
      expect.soft([path, answer.statusCode, answer.body]).toEqual([path, 200, expect.any(String)]);
    }
  }
});

function rank(order: readonly string[], path: string): number {
  const at = order.indexOf(path);
  return at < 0 ? order.length : at;
}

test("every schema in it is one (JSON Schema 2020-12, as OpenAPI 3.1 asks)", async () => {
  const ajv = new Ajv2020({ strict: false });
  const { paths } = await documentation();
  for (const methods of Object.values<Json>(paths)) {
    for (const { parameters = [], requestBody, responses } of Object.values<Json>(methods)) {
      const bodies = [requestBody, ...Object.values<Json>(responses)].flatMap((body: Json) =>
        Object.values<Json>(body?.content ?? {}),
      );
      for (const { schema } of [...parameters, ...bodies]) expect(ajv.validateSchema(schema ?? {})).toBe(true);
    }
  }
});

test("the docs page comes from here alone: no other host in page, policy or scripts it names", async () => {
  const { app } = await testGateway();
  const page = await app.inject({ url: "/docs/" });
  expect(page.statusCode).toBe(200);
  const policy = String(page.headers["content-security-policy"]);
  expect(policy).toContain("default-src 'none'");
  expect(policy).not.toMatch(/https?:|\*|unsafe-eval|script-src[^;]*unsafe-inline/);
  const sources = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, source = ""]) => source);
  expect(sources.length).toBeGreaterThan(3);
  for (const source of sources) {
    expect(source).toMatch(/^\.\//);
    expect((await app.inject({ url: `/docs/${source.slice(2)}` })).statusCode).toBe(200);
  }
  // Nothing inline that the policy would keep from running.
  expect(page.body).not.toMatch(/<script>(?!\s*<)|\son\w+=/);
  const start = await app.inject({ url: "/docs/static/swagger-initializer.js" });
  expect(start.body).toContain('"validatorUrl":null');
});

test("the docs page works in a browser under its policy, and asks nobody else", async () => {
  const { listen } = await testGateway();
  const url = await listen();
  const browser = await launchBrowser();
  onTestFinished(() => browser.close());
  const page = await browser.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on(
    "request",
    (request) => !/^(data:|http:\/\/127\.0\.0\.1)/.test(request.url()) && complaints.push(request.url()),
  );
  await page.goto(`${url}/docs`);
  await page.getByRole("button", { name: "POST /v1/messages" }).first().click();
  await page.getByText("Idempotency-Key", { exact: false }).first().waitFor();
  expect(complaints).toEqual([]);
});
