/** A topic over time, its links, and its report as a page. */
import type { FastifyInstance, FastifyReply } from "fastify";
import { InterruptedError, UserError } from "../../errors.ts";
import { breakdownBy } from "../../report/breakdown.ts";
import { calendarOf } from "../../report/calendar.ts";
import { gatherFacts } from "../../report/facts.ts";
import { REPORT_POLICY, reportPage } from "../../report/page.ts";
import { spanName, timelineOf } from "../../report/timeline.ts";
import type { Breakdown, TimeCounts } from "../../store/breakdown.ts";
import type { Reader, Topics } from "../../store/store.ts";
import { storedTopic } from "../../store/topic-name.ts";
import type { Clock } from "../../time/clock.ts";
import { checkZone } from "../../time/schedule.ts";
import { answer, query, TAGS, TOPIC_PATH } from "../admin-schemas.ts";
import type { ActivityFacts } from "../dashboard/wire.ts";
import { Refusal, refusedField } from "../errors.ts";
import { COUNT, ERROR, object, REFUSALS, STATS_FIELDS } from "../schemas.ts";
import { toSignIn } from "../sign-in-first.ts";
import { createTurns } from "../turns.ts";

/** Opens come in for weeks. The chart shows the days in which most of them came. */
const MOST_OPENS = 0.95;
const MINUTE_MS = 60_000;
const LINKS = 10;
/** Reports that may wait for the one that is being made. */
const MOST_WAITING = 8;

const BAR = object({ at: { type: "string", format: "date-time" }, opened: COUNT, clicked: COUNT });
const LINK = object({ link: { type: "string" }, messages: COUNT, clicks: COUNT });
const ACTIVITY = answer({
  span: { type: ["string", "null"], description: "What one bar stands for; null: nothing was opened or clicked yet" },
  bars: { type: "array", items: BAR },
  later: object({ opened: COUNT, clicked: COUNT }, "What came after the last bar"),
  links: { type: "array", items: LINK },
  other_links: COUNT,
});

/** A row of `stats --by list`: all counts of a topic but its name. */
const { topic: _name, ...COUNTS } = STATS_FIELDS;
const OF_LIST = object({
  list: { type: ["string", "null"], description: "Null: mail of no list" },
  ...COUNTS,
});
const LISTS = answer({
  topic: { type: "string" },
  by: { type: "string", enum: ["list"] },
  rows: { type: "array", items: OF_LIST },
  others: { ...OF_LIST, type: ["object", "null"], description: "All other lists together; null: there are none" },
});
const MOST_ROWS = { type: "integer", minimum: 1, maximum: 1_000, default: 100 } as const;

const ZONE = query({ tz: { type: "string", maxLength: 64, default: "UTC", description: "IANA zone of the times" } });

interface Asked<Query = { tz: string }> {
  Params: { id: string };
  Querystring: Query;
}

/**
 * Adds `/v1/topics/{id}/activity`, `/v1/topics/{id}/lists` and `/topics/{id}/report`. All of them read every message of the topic, so
 * only one is made at a time.
 */
export function reportRoutes(app: FastifyInstance, { store, clock }: { store: Topics & Reader; clock: Clock }): void {
  const turns = createTurns(MOST_WAITING);
  const ask = async <T>(
    request: { params: { id: string } },
    reply: FastifyReply,
    of: (lines: Breakdown) => Promise<T>,
  ) => {
    const topic = await storedTopic(store, request.params.id);
    if ((await store.topic(topic)) === null)
      throw new Refusal(404, `there is no topic ${JSON.stringify(request.params.id)}`);
    const gone = new AbortController();
    reply.raw.on("close", () => gone.abort());
    const made = await turns.take(() => store.breakdown(topic, gone.signal, of)).catch(refuseGone);
    if (made === null) throw new Refusal(503, "other reports are being made: try again in a moment");
    return made.value;
  };

  app.get<Asked>(
    "/v1/topics/:id/activity",
    {
      config: { access: "read" },
      schema: {
        ...TAGS,
        operationId: "getTopicActivity",
        summary: "First opens by readers and first clicks over time, and the links clicked most",
        params: TOPIC_PATH,
        querystring: ZONE,
        response: { 200: ACTIVITY, ...REFUSALS, 404: ERROR },
      },
    },
    async (request, reply) => {
      const zone = zoneOf(request.query.tz);
      const [minutes, links] = await ask(
        request,
        reply,
        async (lines) => [await lines.byTime(MINUTE_MS), await lines.links(LINKS)] as const,
      );
      return activityFacts(minutes, links, zone);
    },
  );
  app.get<Asked<{ top: number }>>(
    "/v1/topics/:id/lists",
    {
      config: { access: "read" },
      schema: {
        ...TAGS,
        operationId: "getTopicLists",
        summary: "A topic's counts by the list of each message, those with the most messages first",
        params: TOPIC_PATH,
        querystring: query({ top: MOST_ROWS }),
        response: { 200: LISTS, ...REFUSALS, 404: ERROR },
      },
    },
    (request, reply) =>
      ask(request, reply, async (lines) => {
        const { rows, others } = await breakdownBy("list", lines, request.query.top);
        return { topic: lines.topic.topic, by: "list", rows, others };
      }),
  );
  app.get<Asked>(
    "/topics/:id/report",
    {
      config: { access: "read" },
      schema: { params: TOPIC_PATH, querystring: ZONE, hide: true },
      errorHandler: toSignIn,
    },
    async (request, reply) => {
      const zone = zoneOf(request.query.tz);
      const facts = await ask(request, reply, gatherFacts);
      return reply
        .headers({ "content-security-policy": `${REPORT_POLICY}; frame-ancestors 'none'`, "cache-control": "no-store" })
        .type("text/html; charset=utf-8")
        .send(reportPage([facts], { calendar: calendarOf(zone), now: clock.now() }));
    },
  );
}

function activityFacts(
  minutes: readonly TimeCounts[],
  links: Awaited<ReturnType<Breakdown["links"]>>,
  zone: string,
): ActivityFacts {
  const timeline = timelineOf(minutes, ["opened_by_reader", "clicked"], {
    calendar: calendarOf(zone),
    covered: MOST_OPENS,
  });
  const [opened = 0, clicked = 0] = timeline?.later ?? [];
  return {
    span: timeline && spanName(timeline.spanMs),
    bars: (timeline?.bars ?? []).map(({ at, values: [opens = 0, clicks = 0] }) => ({
      at: new Date(at).toISOString(),
      opened: opens,
      clicked: clicks,
    })),
    later: { opened, clicked },
    links: links.rows.map(({ link, messages, clicks }) => ({ link, messages, clicks })),
    other_links: links.others?.kinds ?? 0,
  };
}

function refuseGone(error: unknown): never {
  if (error instanceof InterruptedError) throw new Refusal(408, "the client is gone");
  throw error;
}

function zoneOf(text: string): string {
  try {
    return checkZone(text);
  } catch (error) {
    if (error instanceof UserError) throw refusedField("tz", "tz expects an IANA zone such as Europe/Berlin");
    throw error;
  }
}
