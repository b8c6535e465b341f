/** What events leave in a job file while their message is not known. */
import { expect, it } from "vitest";
import { bounce, click, complaint, delivery } from "../../feedback/events.ts";
import { settle } from "../../support/store-actions.ts";
import { accepted, apply, claimPeople, of } from "../contract/mail-events.ts";
import { expectSoundFile, inspect, prepareSqlite, rows } from "./bench.ts";

const bodies = (path: string): string[] =>
  (rows(path, "select body from unmatched") as { body: string }[]).map(({ body }) => body);

it("keeps what is read later, and nothing else of the people in them", async () => {
  const { open, path } = await prepareSqlite();
  const store = await open();
  const foreign = [
    complaint({ id: 7, to: ["one@x.example"], legacy: true }),
    bounce("Permanent", "General", { id: 8, to: ["one@x.example"], legacy: true }, { status: "5.1.1" }),
    click({ id: 9, job: "another" }),
  ];
  for (const personal of ["Mozilla", "Example-FBL", "198.51.100"])
    expect(JSON.stringify(foreign), "what SES tells").toContain(personal);
  await apply(store, ...foreign);
  expect(bodies(path)).toHaveLength(3);
  for (const body of bodies(path)) {
    expect(Object.keys(JSON.parse(body) as object).toSorted()).toEqual(
      "at bounceSubType bounceType complaintType destination jobId key link machine mailedAt messageId reason sesMessageId type unsubscribes"
        .split(" ")
        .toSorted(),
    );
    for (const personal of ["Mozilla", "Example-FBL", "198.51.100"]) expect(body).not.toContain(personal);
  }
});

it("applies what version 0.1.0 kept, which was the whole event", async () => {
  const { open, path } = await prepareSqlite();
  const store = await open();
  const [one] = await claimPeople(store);
  await apply(store, delivery(of(store, one, { legacy: true })));
  const [body] = bodies(path);
  const more = { rawType: "Delivery", recipients: ["one@x.example"], feedbackId: null, suppressions: [] };
  const whole = { ...(JSON.parse(body ?? "") as object), ...more, userAgent: "Mozilla/5.0", ipAddress: "198.51.100.7" };
  inspect(path, (db) => db.prepare("update unmatched set body = ?").run(JSON.stringify(whole)));
  await settle(store, accepted(one));
  expect(await store.matchKeptEvents()).toMatchObject({ applied: 1 });
  expect(await store.topic("june")).toMatchObject({ sent: 1, delivered: 1 });
  expect(bodies(path)).toEqual([]);
  expectSoundFile(path);
});
