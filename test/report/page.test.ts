import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { ReportFacts } from "../../src/report/facts.ts";
import { html } from "../../src/report/markup.ts";
import { reportPage } from "../../src/report/page.ts";
import { facts, hostileFacts, OPTIONS } from "./page.ts";

/** What a topic shows of which SES has reported nothing. */
const UNREPORTED = {
  delivered: null,
  bounced_permanent: null,
  bounced_transient: null,
  complained: null,
  opened: null,
  clicked: null,
  rejected: null,
  delayed: null,
};
const unreported = (topic: string) =>
  facts(
    { opens: { opened: null, opened_by_reader: null } },
    { topic, total: 1_000, sent: 1_000, ...UNREPORTED, unsubscribed: 4 },
  );

const page = (...topics: ReportFacts[]) => reportPage(topics, OPTIONS);

describe("what others wrote stays text", () => {
  test("in markup, in attributes, in lists; our own markup stays as it is", () => {
    const evil = `<b a="1" b='2'>&`;
    expect(html`<p title="${evil}">${[evil, html`<i>${evil}</i>`, null, 5]}</p>`.text).toBe(
      `<p title="&lt;b a=&quot;1&quot; b=&#39;2&#39;&gt;&amp;">&lt;b a=&quot;1&quot; b=&#39;2&#39;&gt;&amp;<i>&lt;b a=&quot;1&quot; b=&#39;2&#39;&gt;&amp;</i>5</p>`,
    );
  });

  test("characters that turn the text around are shown instead of obeyed", () => {
    expect(html`${"a\u202eb\u0007"}`.text).toBe("a\\u202eb\\x07");
  });

  test.each([1, 2, 3])("on a page of %i hostile topics", (count) => {
    const text = page(...Array.from({ length: count }, hostileFacts));
    expect(text).not.toMatch(/<script|<img|<a |javascript:[^&]*</i);
    expect(text.match(/<style/g)).toHaveLength(1);
    expect(text.match(/<\/style/g)).toHaveLength(1);
    for (const unseen of ["\u0007", "\u202e"]) expect(text).not.toContain(unseen);
    expect(text).toContain("&lt;img src=x onerror=&quot;alert(1)&quot;&gt;");
  });
});

test("the policy allows the page's one style sheet and nothing else", () => {
  const text = page(facts());
  const [, style = ""] = /<style>(.*?)<\/style>/s.exec(text) ?? [];
  const hash = createHash("sha256").update(style).digest("base64");
  expect(text).toContain(
    `content="default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'"`,
  );
  expect(text).not.toMatch(/\sstyle="|\son\w+="|\ssrc=|\shref=|url\(/);
});

describe("what needs attention is said", () => {
  test.each([
    ["that mails are still to go", facts({}, { total: 3, pending: 2, sending: 1 }), "3 messages still to go."],
    ["that a topic is cancelled", facts({ cancelled: true }, { total: 3, pending: 3 }), "This topic is cancelled."],
    ["what is in doubt", facts({}, { total: 1, in_doubt: 1 }), "1 message in doubt"],
    [
      "that no events were read",
      facts({}, { total: 5, sent: 5, ...UNREPORTED }),
      "SES has not reported yet what became of the mails.",
    ],
    [
      "bounces from 5 % on",
      facts({}, { total: 100, sent: 100, delivered: 95, bounced_permanent: 5 }),
      "The bounce rate is 5.00 %.",
    ],
    [
      "complaints from 0.1 % on",
      facts({}, { total: 1_000, sent: 1_000, delivered: 999, complained: 1 }),
      "The complaint rate is 0.10 %.",
    ],
  ])("%s", (_, given, said) => {
    expect(page(given)).toContain(said);
  });

  test("nothing, when all is well", () => {
    const text = page(
      facts({}, { total: 1_000, sent: 1_000, delivered: 960, bounced_permanent: 40, bounced_transient: 99 }),
    );
    expect(text).not.toContain('class="notes"');
  });

  test("a rehearsal is called one", () => {
    expect(page(facts({ endpoint: "sandbox" }))).toContain("Sandbox: nothing left this machine");
    expect(page(facts())).not.toContain("Sandbox:");
  });

  test.each([
    [49, "close to the limit"],
    [50, "over the limit"],
    [100, "far over the limit"],
    [10, "healthy"],
  ])("%i bounces of 1,000: %s", (bounced, verdict) => {
    expect(page(facts({}, { total: 1_000, sent: 1_000, bounced_permanent: bounced }))).toContain(`>${verdict}</span>`);
  });
});

describe("two topics side by side", () => {
  const topic = (name: string, sent: number, clicked: number) =>
    facts({}, { topic: name, total: sent, sent, delivered: sent, clicked });

  // Two-proportion z-test by hand: 5 % against 6 % of 1,000 is z = 0.98, of 10,000 it is z = 3.10.
  test.each([
    [topic("a", 1_000, 50), topic("b", 1_000, 60), "+1.00 points, may be chance"],
    [topic("a", 10_000, 500), topic("b", 10_000, 600), "+1.00 points, clear"],
    [topic("a", 10_000, 600), topic("b", 10_000, 500), "−1.00 points, clear"],
    [topic("a", 20, 1), topic("b", 20, 2), "+5.00 points, too few to judge"],
    [topic("a", 0, 0), topic("b", 20, 2), "<td>–</td>"],
  ])("a difference is judged", (a, b, said) => {
    expect(page(a, b)).toContain(said);
  });

  test("of three there is no judgement", () => {
    const text = page(topic("a", 10, 1), topic("b", 10, 1), topic("c", 10, 1));
    expect(text).toContain("3 topics compared");
    expect(text).not.toContain("Difference");
  });
});

describe("a topic of which SES has reported nothing", () => {
  test("has dashes, and is not called healthy", () => {
    const text = page(unreported("june"));
    expect(text).not.toMatch(/>0(\.0+)? %</);
    expect(text).not.toMatch(/healthy|clear|chance/);
    expect(text.match(/>–</g)?.length).toBeGreaterThan(8);
    expect(text).toContain("0.40 %");
  });

  test("is not compared with one of which it has", () => {
    const known = facts({}, { topic: "may", total: 1_000, sent: 1_000, delivered: 900 });
    const [table = ""] = /<table>.*?<\/table>/s.exec(page(known, unreported("june"))) ?? [];
    expect(table).toContain("90.0 %");
    expect(table.match(/<td>–<\/td>/g)).toHaveLength(5);
    expect(table).not.toContain("clear");
  });
});

test("a chart leaves out what SES has not reported", () => {
  const nothing = {
    delivered: 0,
    bounced_permanent: 0,
    bounced_transient: 0,
    complained: 0,
    clicked: 0,
    unsubscribed: 0,
  };
  const minutes = [{ at: Date.UTC(2026, 5, 1), sent: 1_000, opened: 0, opened_by_reader: 0, ...nothing }];
  const text = page({ ...unreported("june"), minutes });
  expect(text).toMatch(/sent <b>1,000<\/b>/);
  expect(text).not.toMatch(/delivered <b>|0 delivered/);
});

test("a page to hand on has no commands", () => {
  const failed = Array.from({ length: 50 }, () => ({ email: "a@x.example", state: "failed" as const, error: "no" }));
  const failures = { rows: [{ state: "failed" as const, error: "no", messages: 99 }], others: null };
  const text = page(facts({ failed, failures }, { total: 200, sent: 100, failed: 99, in_doubt: 1, ...UNREPORTED }));
  expect(text).not.toMatch(/ses-mail (?:export|retry|ingest-events|stats)|<code/);
});

test("what happened in one minute is a column, not a block", () => {
  const none = { delivered: 0, bounced_permanent: 0, bounced_transient: 0, complained: 0, clicked: 0, unsubscribed: 0 };
  const minutes = [{ at: Date.UTC(2026, 5, 1), sent: 9, opened: 9, opened_by_reader: 9, ...none }];
  const [, width] =
    /<rect\s+class="reader"\s+x="[^"]*"\s+y="[^"]*"\s+width="([^"]*)"\s+height="100"/.exec(
      page(facts({ minutes }, { sent: 9 })),
    ) ?? [];
  expect(Number(width)).toBeLessThan(100);
});
