import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import fc from "../support/properties.ts";
import type { InjectOptions, LightMyRequestResponse } from "fastify";
import { expect, test } from "vitest";
import { ManualClock } from "../support/manual-clock.ts";
import type { Json } from "../support/run.ts";
import { API_KEY, testGateway } from "../support/gateway.ts";

const SEED = 20_261_120;
const RUNS = 400;
/** It is a stream without an end. */
const ENDLESS = new Set(["/v1/stream"]);
/** Waits for SES, which is not there. */
const WAITING = new Set(["/v1/test"]);

interface Operation {
  method: string;
  path: string;
  parameters: { name: string; in: string; schema?: Json }[];
  requestBody?: { content: Record<string, { schema?: Json }> };
  responses: Record<string, { content?: Record<string, { schema?: Json }> }>;
}

/** Mostly what the document gives as an example or allows, now and then what it does not. */
function valueOf(schema: Json = {}): fc.Arbitrary<unknown> {
  const examples: unknown[] = schema.examples ?? [];
  return fc.oneof(
    {
      weight: examples.length === 0 ? 0 : 60,
      arbitrary: fc.constantFrom(...(examples.length === 0 ? [null] : examples)),
    },
    { weight: 20, arbitrary: fitting(schema) },
    { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
  );
}

function fitting(schema: Json): fc.Arbitrary<unknown> {
  if (schema.enum) return fc.constantFrom(...(schema.enum as unknown[]));
  const types: string[] = [schema.type ?? []].flat();
  if (types.length !== 1)
    return types.length === 0 ? fc.jsonValue() : fc.oneof(...types.map((type) => fitting({ ...schema, type })));
  switch (types[0]) {
    case "object":
      return objectOf(schema);
    case "array":
      return fc.array(valueOf(schema.items), { maxLength: 3 });
    case "integer":
      return fc.oneof(fc.integer({ min: schema.minimum ?? -5, max: schema.maximum ?? 200 }), fc.integer());
    case "number":
      return fc.double();
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    default:
      return textOf(schema);
  }
}

function textOf({ examples = [] }: Json): fc.Arbitrary<string> {
  const sensible = [
    "ann@example.com",
    "bob@example.com",
    "뉴스레터 1월",
    "2099-01-01T00:00:00Z",
    "2020-01-01 00:00:00",
    ...examples.filter((each: unknown) => typeof each === "string"),
  ];
  const odd = [
    "",
    " ",
    "\u0000",
    "'; drop table message; --",
    "\ud800",
    "../../etc/passwd",
    "x".repeat(1_200),
    "%00",
    "__proto__",
  ];
  return fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...sensible) },
    fc.constantFrom(...odd),
    fc.string({ unit: "binary" }),
  );
}

/** What a schema has several ways to choose fields by is made in one of them, mostly. */
function objectOf({ properties = {}, required = [], anyOf = [] }: Json): fc.Arbitrary<unknown> {
  const ways: string[][] = anyOf.length === 0 ? [required] : anyOf.map((way: Json) => way.required);
  return fc.oneof(...ways.map((way) => objectWith(properties, way, new Set(ways.flat()))));
}

function objectWith(properties: Json, required: string[], chosen: Set<string>): fc.Arbitrary<unknown> {
  // An object of many fields has to be right in all that it has.
  const rarely = Object.keys(properties).length > 12 ? 240 : 40;
  const entries = Object.entries<Json>(properties).map(([name, schema]) => {
    const absence = required.includes(name) ? 1 : chosen.has(name) ? 600 : rarely;
    const value = fc.oneof(
      { weight: absence, arbitrary: fc.constant(undefined) },
      { weight: 20, arbitrary: valueOf(schema) },
    );
    return fc.tuple(fc.constant(name), value);
  });
  const extra = fc.option(fc.tuple(fc.string(), fc.jsonValue({ maxDepth: 1 })), { nil: undefined, freq: 1 });
  return fc.tuple(fc.tuple(...entries), fc.integer({ min: 0, max: 9 }), extra).map(([fields, dice, more]) => {
    const given = fields.filter(([, value]) => value !== undefined);
    return Object.fromEntries(dice === 0 && more ? [...given, more] : given);
  });
}

function requestOf(operation: Operation): fc.Arbitrary<InjectOptions & { operation: Operation }> {
  const of = (place: string) => operation.parameters.filter((parameter) => parameter.in === place);
  const texts = (place: string) =>
    fc.record(Object.fromEntries(of(place).map(({ name, schema }) => [name, valueOf(schema).map(asText)])), {
      requiredKeys: [],
    });
  const [type, body] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
  return fc
    .record({
      path: fc.record(Object.fromEntries(of("path").map(({ name, schema }) => [name, valueOf(schema).map(asText)]))),
      query: texts("query"),
      headers: texts("header"),
      body: body ? valueOf(body.schema) : fc.constant(undefined),
      key: fc.oneof({ weight: 9, arbitrary: fc.constant(API_KEY) }, fc.constantFrom("", "wrong")),
    })
    .map(({ path, query, headers, body, key }) => ({
      operation,
      method: operation.method.toUpperCase() as "GET",
      url: operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encode(path[name] ?? "")) + queryOf(query),
      headers: { "x-api-key": key, ...printable(headers), ...(type !== undefined && { "content-type": type }) },
      ...(body !== undefined && { payload: type === "application/json" ? JSON.stringify(body) : asText(body) }),
    }));
}

function asText(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}

function encode(text: string): string {
  return encodeURIComponent(text.replaceAll(/\p{Cs}/gu, "?"));
}

type Texts = Record<string, string | undefined>;

function queryOf(query: Texts): string {
  const pairs = Object.entries(query).map(([name, value]) => `${encode(name)}=${encode(value ?? "")}`);
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}

/** Anything else cannot be sent in a header. */
function printable(headers: Texts): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, (value ?? "").replaceAll(/[^\x20-\x7e]/g, "?")]),
  );
}

function operationsIn({ paths }: Json): Operation[] {
  return Object.entries<Json>(paths).flatMap(([path, methods]) =>
    ENDLESS.has(path) || WAITING.has(path)
      ? []
      : Object.entries<Json>(methods).map(([method, { parameters = [], requestBody, responses }]) => ({
          method,
          path,
          parameters,
          requestBody,
          responses,
        })),
  );
}

/** Whether an answer is one that the document says this operation gives. */
function conformity(): (operation: Operation, answer: LightMyRequestResponse) => void {
  const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
  const compiled = new Map<unknown, ValidateFunction>();
  return (operation, answer) => {
    const said = operation.responses[String(answer.statusCode)];
    if (said === undefined) throw new Error(`the document knows no ${answer.statusCode}: ${answer.body}`);
    const type = String(answer.headers["content-type"]).split(";")[0] ?? "";
    if (type !== "application/json") return;
    const schema = said.content?.[type]?.schema;
    if (schema === undefined) throw new Error(`the document knows no JSON for ${answer.statusCode}`);
    const validate = compiled.get(schema) ?? ajv.compile(schema);
    compiled.set(schema, validate);
    if (!validate(answer.json())) throw new Error(`${ajv.errorsText(validate.errors)}: ${answer.body}`);
  };
}

test("whatever is made of the document, the answer is in the document: no 5xx, no hang", async () => {
  const { app, gateway } = await testGateway({ clock: new ManualClock() });
  const operations = operationsIn((await app.inject({ url: "/openapi.json" })).json());
  expect(operations.length).toBeGreaterThan(10);
  const weightOf = ({ path }: Operation) => (path === "/v1/messages" ? operations.length / 2 : 1);
  const requests = fc.oneof(
    ...operations.map((operation) => ({ weight: Math.ceil(weightOf(operation)), arbitrary: requestOf(operation) })),
  );
  const conforms = conformity();
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(requests, async ({ operation, ...request }) => {
      const answer = await app.inject(request);
      seen.add(`${operation.method} ${operation.path} ${answer.statusCode}`);
      if (answer.statusCode >= 500) throw new Error(answer.body);
      conforms(operation, answer);
    }),
    { seed: SEED, numRuns: RUNS, endOnFailure: true },
  );
  // It got through to the inside, not only to the guards.
  expect([...seen]).toEqual(
    expect.arrayContaining(["post /v1/messages 200", "post /v1/messages 400", "get /v1/topics/{id} 200"]),
  );
  const { total, ...states } = await gateway.store.totals(null);
  expect(Object.values(states).reduce((a, b) => a + b, 0)).toBe(total);
});
