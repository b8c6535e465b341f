/** What a stream or consumer that is there already may do to mail, and how to stop it. Each line is told once. */
import type { ConsumerConfig, StreamConfig } from "@nats-io/jetstream";
import { counted } from "../../counted.ts";
import { printable } from "../../printable.ts";

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

/** What a consumer does other than ours: it gives messages up, or brings others than those of our subject. */
export function consumerWarnings(stream: string, config: ConsumerConfig, subject: string): string[] {
  const name = printable(config.durable_name ?? config.name ?? "");
  const lines: string[] = [];
  const { max_deliver: most = -1 } = config;
  if (most > 0)
    lines.push(
      `gives a message up unsent after ${counted(most, "delivery", "deliveries")}: nats consumer edit ${printable(stream)} ${name} --max-deliver=-1`,
    );
  const filters = config.filter_subjects ?? (config.filter_subject ? [config.filter_subject] : []);
  if (filters.length > 0 && !filters.includes(subject))
    lines.push(`reads ${printable(filters.join(", "))}, not ${printable(subject)}: what it brings is read as mail`);
  return lines.map((line) => `nats: consumer ${name} ${line}`);
}
