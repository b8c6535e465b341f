/** What a stream or consumer that is there already may do to mail, and how to stop it. Each line is told once. */
import type { ConsumerConfig, StreamConfig } from "@nats-io/jetstream";
import { counted } from "../../counted.ts";
import { printable } from "../../printable.ts";
import { takesSubject } from "./subject.ts";

const HOUR_NS = 3_600e9;

/** The ways a stream drops mail that nobody has sent. None when it keeps all of it. */
export function streamWarnings(config: StreamConfig): string[] {
  const name = printable(config.name);
  const edit = (flags: string) => `nats stream edit ${name} ${flags}`;
  const lines: string[] = [];
  if (config.max_age > 0)
    lines.push(`keeps mail for ${ageText(config.max_age)} only and then drops it unsent: ${edit("--max-age=0")}`);
  if (config.storage === "memory")
    lines.push(`keeps mail in memory only and loses it when its server restarts: make it again with --storage=file`);
  if (config.discard === "old")
    for (const { what, flags } of limitsOf(config)) lines.push(`drops its oldest mail unsent ${what}: ${edit(flags)}`);
  return lines.map((line) => `nats: stream ${name} ${line}`);
}

function limitsOf(config: StreamConfig): { what: string; flags: string }[] {
  const limits = [
    { limit: config.max_msgs, what: `when it holds ${counted(config.max_msgs, "message")}`, flags: "--max-msgs=-1" },
    { limit: config.max_bytes, what: `when it holds ${counted(config.max_bytes, "byte")}`, flags: "--max-bytes=-1" },
    {
      limit: config.max_msgs_per_subject,
      what: `when a subject has ${counted(config.max_msgs_per_subject, "message")}`,
      flags: "--max-msgs-per-subject=-1",
    },
  ];
  return limits.filter(({ limit }) => limit > 0);
}

/** `24 h`, or `90 s` when it is no whole number of hours. */
const ageText = (ns: number): string => (ns % HOUR_NS === 0 ? `${ns / HOUR_NS} h` : `${Math.round(ns / 1e9)} s`);

/** What it brings; empty: all that is in the stream. */
export const filtersOf = ({ filter_subjects: all, filter_subject: one }: ConsumerConfig): string[] =>
  all ?? (one ? [one] : []);

/** What a consumer does other than ours: it gives messages up, or brings others than those of our subject. */
export function consumerWarnings(stream: string, config: ConsumerConfig, subject: string): string[] {
  const name = printable(config.durable_name ?? config.name ?? "");
  const lines: string[] = [];
  const { max_deliver: most = -1 } = config;
  if (most > 0)
    lines.push(
      `gives a message up unsent after ${counted(most, "delivery", "deliveries")}: nats consumer edit ${printable(stream)} ${name} --max-deliver=-1`,
    );
  const filters = filtersOf(config);
  if (filters.length > 0 && !filters.includes(subject))
    lines.push(`reads ${printable(filters.join(", "))}, not ${printable(subject)}: what it brings is read as mail`);
  return lines.map((line) => `nats: consumer ${name} ${line}`);
}

/** A consumer of others, which is theirs to make again. */
export function aheadWarning(stream: string, consumer: string): string {
  const names = `${printable(stream)} ${printable(consumer)}`;
  return `nats: consumer ${printable(consumer)} is ahead of its stream, as after a crash of the server: mail may stay there unread; delete it (nats consumer rm ${names}) and make it again as it was`;
}

/**
 * What the stream of the mail does to results that are published on `results`: nothing when it does not take them. `reader` is our
 * consumer of mail, `others` are all other consumers of the stream.
 */
export function resultsWarnings(
  { name, subjects, retention }: StreamConfig,
  results: string,
  { reader, others }: { reader: ConsumerConfig; others: readonly ConsumerConfig[] },
): string[] {
  if (!subjects.some((each) => takesSubject(each, results))) return [];
  const [stream, subject] = [printable(name), printable(results)];
  if (brings(reader, results))
    return [
      `nats: consumer ${printable(reader.durable_name ?? reader.name ?? "")} reads ${subject}, too: results come back and become dead letters; name another subject with --results`,
    ];
  // A stream of another kind drops what nobody wants, or keeps it for as long as its limits say.
  if (retention !== "workqueue" || others.some((each) => brings(each, results))) return [];
  return [
    `nats: nobody reads ${subject} yet; results stay in stream ${stream} until somebody does: nats consumer add ${stream} results --filter=${subject} --pull, or now and then nats stream purge ${stream} --subject=${subject}`,
  ];
}

/** What becomes of results when no stream takes their subject. */
export function untakenWarning(results: string): string {
  const subject = printable(results);
  return `nats: no stream takes ${subject} yet; results wait in the store until one does: nats stream add results --subjects=${subject}, or name another subject with --results`;
}

function brings(config: ConsumerConfig, subject: string): boolean {
  const filters = filtersOf(config);
  return filters.length === 0 || filters.some((filter) => takesSubject(filter, subject));
}
