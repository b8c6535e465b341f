/** Two gateways on one database: clients of an API gateway may ask either of them, and one of them may die. */
import { describe, expect, it } from "vitest";
import { expectNoQuarrel, expectSoundCounters, fleet, type Fleet } from "../../support/fleet.ts";
import { until } from "../../support/run.ts";
import { requireServers } from "../../support/servers.ts";
import { serve, type Served } from "../../support/serve.ts";
import { duplicates, mostInAnyWindow } from "../../support/ses-server.ts";

const CONCURRENCY = 8;

const gateway = ({ folder, env, watched }: Fleet, rate: number): Promise<Served> =>
  serve(folder, ["--rate", String(rate), "--concurrency", String(CONCURRENCY), "--tz", "Asia/Seoul", "--quiet"], {
    env: { ...env(), ...watched() },
  });

const request = (topicId: string, emails: string[], more: object = {}) => ({
  messages: [{ topicId, emails, subject: "News", content: "<p>Hello</p>", ...more }],
});

async function end(gateways: readonly Served[]): Promise<void> {
  for (const { running } of gateways) running.kill("SIGTERM");
  for (const { running } of gateways) expect(await running.finished).toMatchObject({ code: 0 });
}

describe.skipIf(requireServers("postgres"))("two gateways on one database", () => {
  it("answer what the API gateway's clients ask, whichever is asked", { timeout: 120_000 }, async () => {
    const here = await fleet();
    const both = await Promise.all([gateway(here, 200), gateway(here, 200)]);
    const [one, other] = both;
    // As its code wants it, and as its README says.
    expect(await one.post("/v1/messages", request("notice-1", ["a@example.com", "b@example.com"]))).toMatchObject({
      status: 200,
      json: { count: 2, elapsed: expect.any(String) },
    });
    const readme = { topic_id: "notice-1", emails: ["c@example.com"], subject: "News", content: "<p>Hello</p>" };
    const at = "2099-12-25T10:00:00";
    expect(await other.post("/v1/messages", { messages: [{ ...readme, scheduled_at: at }] })).toMatchObject({
      status: 200,
      json: { count: 1, scheduled: true, scheduled_at: "2099-12-25T01:00:00.000Z" },
    });
    for (const { get } of both) {
      const expected = { request: { total: 3, created: 1, sent: 2, failed: 0, stopped: 0 } };
      await expect.poll(async () => (await get("/v1/topics/notice-1")).json).toMatchObject(expected);
      expect((await get("/v1/events/counts/sent?hours=1")).json).toMatchObject({ count: 2 });
      expect((await get("/v1/events/counts/sent?hours=169")).status).toBe(400);
      expect((await get("/v1/topics/notice-1", { "x-api-key": "another" })).status).toBe(401);
      expect(await get("/health")).toMatchObject({ status: 200, json: { status: expect.any(String) } });
      const past = request("notice-1", ["d@example.com"], { scheduledAt: "2020-01-01T00:00:00Z" });
      expect((await one.post("/v1/messages", past)).status).toBe(400);
    }
    // Taken back at one, it is gone at the other.
    expect((await one.remove("/v1/topics/notice-1")).status).toBe(200);
    expect((await other.get("/v1/topics/notice-1")).json).toMatchObject({ request: { created: 0, stopped: 1 } });
    await end(both);
    expect(here.ses.received().toSorted()).toEqual(["a@example.com", "b@example.com"]);
    await expectSoundCounters(here);
    await expectNoQuarrel(here);
  });

  it("make one mail of what is posted to both at once", { timeout: 120_000 }, async () => {
    const here = await fleet();
    const both = await Promise.all([gateway(here, 500), gateway(here, 500)]);
    const numbers = Array.from({ length: 60 }, (_, number) => number);
    const post = async (number: number, { post: send }: Served) => {
      const body = request(number % 5 === 0 ? `t${number}` : "codes", [`p${number}@example.com`], {
        uuid: `u-${number}`,
      });
      return send("/v1/messages", body);
    };
    const keyed = (number: number, { post: send }: Served) =>
      send("/v1/messages", request("keyed", [`k${number}@example.com`]), { "idempotency-key": `k-${number}` });
    const answers = await Promise.all(numbers.flatMap((number) => both.map((each) => post(number, each))));
    const keyedAnswers = await Promise.all(
      numbers.map(async (number) => Promise.all(both.map((each) => keyed(number, each)))),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(answers.reduce((sum, { json }) => sum + json.count, 0)).toBe(numbers.length);
    for (const [mine, others] of keyedAnswers) expect(others?.json.count).toBe(mine?.json.count);
    const expected = numbers.flatMap((number) => [`p${number}@example.com`, `k${number}@example.com`]).toSorted();
    await expect.poll(() => here.ses.received().length, { timeout: 60_000 }).toBeGreaterThanOrEqual(expected.length);
    await end(both);
    expect(here.ses.received().toSorted()).toEqual(expected);
    await expectSoundCounters(here);
    await expectNoQuarrel(here);
  });

  it(
    "one is killed again and again while clients post: all that was answered is sent once",
    { timeout: 240_000 },
    async () => {
      const here = await fleet({ ses: { latencyMs: 15 } });
      const [requests, each, kills] = [60, 10, 5];
      const slots = [gateway(here, 100), gateway(here, 100)];
      await Promise.all(slots);
      const emails = (number: number) => Array.from({ length: each }, (_, index) => `r${number}-${index}@example.net`);
      /** As clients do: the other one is asked when this one is gone, with the same key, until there is an answer. */
      const postUntilAnswered = async (number: number): Promise<number> => {
        for (let attempt = number; ; attempt++) {
          try {
            const { post } = await (slots[attempt % 2] as Promise<Served>);
            const answer = await post("/v1/messages", request("news", emails(number)), {
              "idempotency-key": `r-${number}`,
            });
            expect(answer).toMatchObject({ status: 200 });
            return answer.json.count;
          } catch (error) {
            if (!(error instanceof TypeError)) throw error;
          }
        }
      };
      const counts: number[] = [];
      const clients = [0, 1, 2].map(async (client) => {
        for (let number = client; number < requests; number += 3) counts.push(await postUntilAnswered(number));
      });
      for (let kill = 0; kill < kills; kill++) {
        const { running } = await (slots[kill % 2] as Promise<Served>);
        const before = here.ses.received().length;
        await until(
          () => here.ses.received().length > before + Math.random() * 40,
          "the mail after which one is killed",
        );
        running.kill("SIGKILL");
        await running.finished;
        slots[kill % 2] = gateway(here, 100);
      }
      await Promise.all(clients);
      const both = await Promise.all(slots);
      await until(async () => {
        const { json } = await both[0]!.get("/v1/topics/news");
        return json.pending === 0 && json.sending === 0;
      }, "nobody to be pending");
      await end(both);

      const everybody = Array.from({ length: requests }, (_, number) => emails(number)).flat();
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(everybody.length);
      const received = here.ses.received();
      expect(duplicates(received)).toEqual([]);
      await here.ses.eventsAreIn();
      await here.ask("ingest-events", here.ses.events);
      const rows: { email: string; state: string }[] = (await here.ask("export", "news")).messages;
      const inState = (state: string) => rows.flatMap((row) => (row.state === state ? [row.email] : [])).toSorted();
      expect(inState("sent")).toEqual(received.toSorted());
      expect([...inState("sent"), ...inState("in_doubt")].toSorted()).toEqual(everybody.toSorted());
      expect(inState("in_doubt").length).toBeLessThanOrEqual(kills * CONCURRENCY);
      await expectSoundCounters(here);
      await expectNoQuarrel(here);
      expect(mostInAnyWindow(here.departures())).toBeLessThanOrEqual(100);
    },
  );
});
