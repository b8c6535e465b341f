/** The trigger that notes what is to be told: when it is made, who is in its way, and whom it meets. */
import pg from "pg";
import { expect, it, onTestFinished } from "vitest";
import { StoppedError } from "../../../src/errors.ts";
import { openStore } from "../../../src/store/postgres/store.ts";
import { systemClock } from "../../../src/time/clock.ts";
import { onServer, sharedServer } from "../../support/shared-postgres.ts";
import { EVERYTHING, ingest, sent, settle, turn } from "../../support/store-actions.ts";
import { counts } from "../bench.ts";
import { preparePostgres, rows } from "./bench.ts";

const REPORTS = { via: "redis", name: "job-1" } as const;
const triggers = (schema: string) =>
  rows(schema, "select tgname as name from pg_trigger where tgrelid = 'sm.message'::regclass");

/** A session that writes rows of messages for as long as it likes, as one does that puts a list in. */
async function lister(schema: string): Promise<pg.Client> {
  const client = new pg.Client((await sharedServer()).url);
  await client.connect();
  onTestFinished(() => client.end());
  await client.query(`begin; lock table "${schema}".message in row exclusive mode`);
  return client;
}

it("a list that is put in for long keeps reports from being asked for, and nobody from sending; nothing is stored then", async () => {
  const { open, schema } = await preparePostgres();
  const [store, other] = [await open(), await open()];
  await ingest(other, ["a@x.example"]);
  const client = await lister(schema);
  const asked = counts(store, ["b@x.example"], { topic: "asked", reports: REPORTS });
  const ended = asked.catch((error: unknown) => error);
  const { claims } = await turn(other, 1);
  await settle(other, ...claims.map((claim) => sent(claim)));
  expect(await ended).toBeInstanceOf(StoppedError);
  expect(await store.topic("asked")).toBeNull();
  expect(await triggers(schema)).toEqual([]);
  await client.query("commit");
  expect(await counts(store, ["b@x.example"], { topic: "asked", reports: REPORTS })).toEqual([1, 0, 0]);
  expect(await other.totals("june")).toMatchObject({ sent: 1 });
});

it("who asks while a list is put in gets his reports when it is there", async () => {
  const { open, schema } = await preparePostgres();
  const store = await open();
  const client = await lister(schema);
  const asked = counts(store, ["b@x.example"], { reports: REPORTS });
  await ingest(store, ["a@x.example"], { topic: "other" });
  await client.query("rollback");
  expect(await asked).toEqual([1, 0, 0]);
  await store.cancel("june");
  expect(await store.reports("redis", 9)).toMatchObject([{ ...REPORTS, state: "cancelled" }]);
});

it("a job that tells nobody has none, and one is enough for all", async () => {
  const { open, schema } = await preparePostgres();
  const [one, two] = [await open(), await open()];
  await counts(one, ["a@x.example"]);
  expect(await triggers(schema)).toEqual([]);
  await Promise.all([one, two].map((store, at) => counts(store, [`${at}@x.example`], { reports: REPORTS })));
  await counts(await open(), ["c@x.example"], { reports: REPORTS });
  expect(await triggers(schema)).toEqual([{ name: "report_state" }]);
});

it("what a handle does to a message is told, too, that was open before the schema was brought up to date", async () => {
  const { open, schema } = await preparePostgres();
  const old = await open();
  await ingest(old, ["old@x.example"]);
  const { claims } = await turn(old, 1);
  // As the version before made it.
  const tables = ["dead_letter", "reported", "report", "handed"].map((table) => `"${schema}".${table}`).join(", ");
  await onServer(`drop table ${tables}`);
  await onServer(`alter table "${schema}".topic drop column moving_at, drop column moving_to`);
  await onServer(`update "${schema}".job set schema_version = 1`);
  const store = await openStore((await sharedServer()).url, systemClock, { schema, time: "clock" });
  onTestFinished(() => store.close());
  expect(await rows(schema, "select schema_version, oldest_program from sm.job")).toEqual([
    { schema_version: 3, oldest_program: 3 },
  ]);
  expect(await counts(store, ["a@x.example"], { topic: "asked", reports: REPORTS })).toEqual([1, 0, 0]);
  await settle(old, ...claims.map((claim) => sent(claim)));
  const asked = await turn(old, 1, { scope: { ...EVERYTHING, topic: "asked" } });
  await settle(old, ...asked.claims.map((claim) => sent(claim)));
  expect(await store.reports("redis", 9)).toMatchObject([{ ...REPORTS, state: "sent", topic: "asked" }]);
  expect(await store.totals("june")).toMatchObject({ sent: 1 });
});
