/**
 * A gateway on PostgreSQL that hands its mail over, and a worker on a job file that sends it: they share nothing but NATS. And programs that
 * send for the gateway and report nothing.
 */
import { AckPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { SendEmailCommand, SESv2Client } from "@aws-sdk/client-sesv2";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { decodeMail, type NatsMail } from "../../../src/queue/nats/payload.ts";
import { expectNoQuarrel, expectSoundCounters, fleet, type Fleet } from "../../support/fleet.ts";
import { managing, type NatsServer, startNats } from "../../support/nats.ts";
import { type Json, run, type Running, until } from "../../support/run.ts";
import { requireServers } from "../../support/servers.ts";
import { serve, type Served } from "../../support/serve.ts";
import { duplicates } from "../../support/ses-server.ts";

const RATE = 60;
const people = (count: number, name = "p") => Array.from({ length: count }, (_, at) => `${name}${at}@example.com`);

interface Joined {
  here: Fleet;
  nats: NatsServer;
  gateway(more?: string[]): Promise<Served>;
  worker(): Promise<Running>;
  /** The JSON that a command of a person answers about the job of the worker. */
  there(...args: string[]): Promise<Json>;
}

async function joined(): Promise<Joined> {
  const nats = await startNats();
  const here = await fleet({ ses: { latencyMs: 20, faults: ["reject:to=refused@example.com"] } });
  const file = join(here.folder, "worker.db");
  const env = { ...here.env(), SES_MAIL_DB: file };
  const broker = ["--nats", nats.url, "--results", "messages.results"];
  return {
    here,
    nats,
    gateway: (more = []) =>
      serve(here.folder, ["--outlet", "nats", ...broker, "--rate", String(RATE), "--quiet", ...more], {
        env: here.env(),
      }),
    worker: () => here.work(["--from", "Far <far@example.org>", "--rate", String(RATE), ...broker], env),
    async there(...args) {
      const answer = await run(here.folder, [...args, "--json"], { env });
      return answer.json;
    },
  };
}

const post = ({ post: send }: Served, topicId: string, emails: readonly string[]) =>
  send("/v1/messages", { messages: [{ topicId, emails, subject: "News", content: `<p>Hello</p>` }] });

/** Email and state, as both ends see them. */
const statesOf = (exported: Json): Record<string, string> =>
  Object.fromEntries(exported.messages.map(({ email, state }: Json) => [email, state] as [string, string]));

async function end(processes: readonly (Running | Served)[]): Promise<void> {
  const running = processes.map((each) => ("running" in each ? each.running : each));
  for (const each of running) each.kill("SIGTERM");
  for (const each of running) expect(await each.finished).toMatchObject({ code: 0, signal: null });
}

describe.skipIf(requireServers("postgres", "nats"))("a gateway and a worker that share nothing but NATS", () => {
  it("everybody has one mail, and both ends know what became of it", { timeout: 120_000 }, async () => {
    const { here, gateway, worker, there } = await joined();
    const [sender, one] = [await worker(), await gateway()];
    await there("suppress", "add", "gone@example.com");
    const all = [...people(298), "gone@example.com", "refused@example.com"];
    expect(await post(one, "june", all)).toMatchObject({ status: 200 });
    const isSettled = async () => {
      const { pending, sending } = await here.ask("stats", "june");
      return pending + sending === 0;
    };
    await until(isSettled, "the results");
    const [near, far] = [statesOf(await here.ask("export", "june")), statesOf(await there("export", "no-topic"))];
    expect(near).toEqual(far);
    expect(near).toMatchObject({ "gone@example.com": "suppressed", "refused@example.com": "failed" });
    expect(here.ses.received().toSorted()).toEqual(
      Object.keys(near)
        .filter((email) => near[email] === "sent")
        .toSorted(),
    );
    const ids = (exported: Json) => exported.messages.map((each: Json) => [each.email, each.ses_message_id]).toSorted();
    expect(ids(await here.ask("export", "june"))).toEqual(ids(await there("export", "no-topic")));
    await end([sender, one]);
    await expectSoundCounters(here);
    await expectNoQuarrel(here);
  });

  it("nobody is lost or written to twice when either is killed, or NATS", { timeout: 300_000 }, async () => {
    const { here, nats, gateway, worker, there } = await joined();
    let [sender, one] = [await worker(), await gateway()];
    const all = people(300);
    await post(one, "june", all);
    for (const victim of ["worker", "gateway", "nats", "worker", "gateway", "nats"]) {
      const after = Math.min(all.length - 20, here.ses.received().length + 30);
      await until(() => here.ses.received().length >= after, "some mail");
      if (victim === "nats") await nats.restart();
      if (victim === "worker") {
        sender.kill("SIGKILL");
        await sender.finished;
        sender = await worker();
      }
      if (victim === "gateway") {
        one.running.kill("SIGKILL");
        await one.running.finished;
        one = await gateway();
      }
    }
    const isSettled = async () => {
      const { pending, sending } = await here.ask("stats", "june");
      return pending + sending === 0;
    };
    await until(isSettled, "everything to be settled");
    const isEqual = async () => {
      const [near, far] = [statesOf(await here.ask("export", "june")), statesOf(await there("export", "no-topic"))];
      // NATS may have died with a mail before it stored it: whoever handed it over cannot know.
      return all.every(
        (email) => far[email] === near[email] || (far[email] === undefined && near[email] === "in_doubt"),
      );
    };
    await until(async () => (await unread(nats)) === 0 && (await isEqual()), "both ends to know the same");
    await end([sender, one]);
    const received = here.ses.received();
    expect(duplicates(received)).toEqual([]);
    // The rest was in flight when a process died, and the events of SES tell.
    await here.ses.eventsAreIn();
    await there("ingest-events", here.ses.events);
    const [near, far] = [await here.ask("export", "june"), statesOf(await there("export", "no-topic"))];
    expect(
      Object.keys(far)
        .filter((email) => far[email] === "sent")
        .toSorted(),
    ).toEqual(received.toSorted());
    expect(near.messages).toHaveLength(all.length);
    const unknown = near.messages.filter(({ email }: Json) => far[email] === undefined);
    // A gateway that was killed may have handed a mail over, or not.
    for (const { error } of unknown) expect(error).toMatch(/^NATS: |^the process died before/);
    await expectSoundCounters(here);
  });
});

/** How many mails the worker was never given. */
const unread = (nats: NatsServer): Promise<number> =>
  managing(nats.url, async ({ consumers }) => (await consumers.info("messages", "email-processor")).num_pending);

/** Sends what is in the stream, as a program that knows nothing but the payload. It reports nothing. */
async function sendAll(nats: NatsServer, count: number, send: (mail: NatsMail) => Promise<unknown>): Promise<void> {
  const nc = await connect({ servers: nats.url });
  onTestFinished(() => nc.close());
  const manager = await jetstreamManager(nc);
  const config = { durable_name: "old", ack_policy: AckPolicy.Explicit, filter_subject: "messages.email" };
  await until(async () => {
    const added = await manager.consumers.add("messages", config).catch(() => null);
    return added !== null;
  }, "the stream");
  const consumer = await jetstream(nc).consumers.get("messages", "old");
  for (let sent = 0; sent < count; sent++) {
    const message = await consumer.next({ expires: 30_000 });
    const mail = decodeMail(message?.data ?? new Uint8Array());
    if ("wrong" in mail) throw new Error(mail.wrong);
    await send(mail);
    message?.ack();
  }
}

describe.skipIf(requireServers("postgres", "nats"))("a program that sends for the gateway and reports nothing", () => {
  it.each(["its uuid in a tag", "nothing"])(
    "is understood by the events of SES: it sends %s",
    { timeout: 120_000 },
    async (what) => {
      const { here, nats, gateway } = await joined();
      const one = await gateway();
      const all = people(12);
      await post(one, "june", all);
      const client = new SESv2Client({
        region: "us-east-1",
        endpoint: here.ses.env.AWS_ENDPOINT_URL_SESV2,
        credentials: { accessKeyId: "a", secretAccessKey: "b" },
      });
      // Until that is noted, too, an event that names nothing finds no mail.
      const handed = () => here.rows("select 1 from sm.handed");
      await until(async () => (await handed()).length === all.length, "everything to be handed over");
      await sendAll(nats, all.length, ({ uuid, email, subject, body }) =>
        client.send(
          new SendEmailCommand({
            FromEmailAddress: "old@example.net",
            Destination: { ToAddresses: [email] },
            Content: { Simple: { Subject: { Data: subject }, Body: { Html: { Data: body } } } },
            ...(what !== "nothing" && { EmailTags: [{ Name: "request_id", Value: uuid }] }),
          }),
        ),
      );
      expect(await here.ask("stats", "june")).toMatchObject({ sending: all.length, sent: 0 });
      await here.ses.eventsAreIn();
      await here.ask("ingest-events", here.ses.events);
      expect(await here.ask("stats", "june")).toMatchObject({ sending: 0, sent: all.length, delivered: all.length });
      await end([one]);
      await expectSoundCounters(here);
    },
  );

  it("leaves its mail in doubt when nobody says anything", { timeout: 180_000 }, async () => {
    const { here, gateway } = await joined();
    const one = await gateway(["--outlet-timeout", "1s"]);
    await post(one, "june", people(3));
    await until(async () => (await here.ask("stats", "june")).in_doubt === 3, "the doubt");
    await end([one]);
    expect(here.ses.received()).toEqual([]);
    await expectSoundCounters(here);
  });
});
