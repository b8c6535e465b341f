/** What `adopt` says at its end. */
import { count, counted } from "../../counted.ts";
import { EXIT } from "../../errors.ts";
import type { IngestSummary } from "../../feedback/apply-dump.ts";
import type { Foreign } from "../../store/foreign.ts";
import { aboutAll } from "../commands.ts";
import type { Context } from "../context.ts";
import { ADOPTED_STATES, type AdoptFigures } from "./take.ts";

/** What came of an adoption. */
export interface Adopted {
  figures: AdoptFigures;
  events: IngestSummary;
  /** Why reports were passed over, in words that follow "It", and how many for each reason. */
  passedOver: ReadonlyMap<string, number>;
  /** True: the other program wrote while we read. */
  changed: boolean;
  dryRun: boolean;
  rejectsFile: string | null;
}

/** Writes it. Returns the exit code. */
export function answer(context: Context, foreign: Pick<Foreign, "program" | "location">, adopted: Adopted): number {
  const { figures, changed } = adopted;
  const { terminal, globals } = context;
  if (globals.json) terminal.json(jsonOf(foreign, adopted));
  else writeText(context, foreign, adopted);
  if (changed)
    terminal.warn(
      `${foreign.program} wrote to ${foreign.location} meanwhile: stop it, and run the same command again, or it sends what is sent from here, too.`,
    );
  return figures.rejected > 0 || changed ? EXIT.partial : EXIT.done;
}

function jsonOf({ program, location }: Pick<Foreign, "program" | "location">, adopted: Adopted): object {
  const { figures, events, passedOver, changed, dryRun, rejectsFile } = adopted;
  const { renamed, due, reasons: _, ...counts } = figures;
  const first = due.first === null || due.first === 0 ? null : new Date(due.first).toISOString();
  return {
    program,
    database: location,
    dry_run: dryRun,
    ...counts,
    due: { ...due, first },
    renamed: Array.from(renamed, ([topic, now]) => ({ topic, now })),
    rejects_file: rejectsFile,
    events,
    passed_over: Array.from(passedOver, ([reason, reports]) => ({ reason, reports })),
    changed_meanwhile: changed,
  };
}

function writeText(context: Context, { program, location }: Pick<Foreign, "program" | "location">, adopted: Adopted) {
  const { terminal } = context;
  const { figures, events, passedOver, dryRun, rejectsFile } = adopted;
  const { rows, added, duplicates, rejected, suppressed } = figures;
  for (const reason of figures.reasons) terminal.warn(`Refused: ${reason}`);
  const parts = [
    `${count(added)} ${dryRun ? "would be added" : "added"}${statesIn(figures)}`,
    `${count(duplicates)} known`,
    `${count(suppressed)} suppressed`,
    `${count(rejected)} rejected${rejectsFile === null ? "" : ` (${rejectsFile})`}`,
  ];
  terminal.done(`${program}, ${location}: ${counted(rows, "row")}: ${parts.join(", ")}`, rejected);
  if (events.records > 0)
    terminal.info(
      dryRun
        ? `${counted(events.events, "event")} would be taken over.`
        : `${counted(events.events, "event")}: ${count(events.applied)} applied, ${count(events.duplicates)} known, ${count(events.unmatched)} of other mail; ${counted(events.suppressed, "address", "addresses")} suppressed.`,
    );
  for (const [reason, reports] of passedOver)
    terminal.warn(`${counted(reports, "report was", "reports were")} passed over: each ${reason}.`);
  for (const line of notes(context, figures)) terminal.info(line);
  if (dryRun) terminal.info("Nothing was stored.");
}

function statesIn({ states }: AdoptFigures): string {
  const named = ADOPTED_STATES.filter((state) => states[state] > 0).map((state) => `${count(states[state])} ${state}`);
  return named.length === 0 ? "" : ` (${named.join(", ")})`;
}

/** What a person has to know before mail leaves. */
function notes(context: Context, { due, states, renamed }: AdoptFigures): string[] {
  const lines: string[] = [];
  if (due.now > 0) {
    const since = due.first === null || due.first === 0 ? "" : `, some since ${new Date(due.first).toISOString()}`;
    lines.push(
      `${counted(due.now, "message is", "messages are")} due now${since}: the next send, serve or work sends ${due.now === 1 ? "it" : "them"}, ` +
        `unless you take back a topic with ${aboutAll(context, "cancel", "<topic>")}.`,
    );
  }
  if (due.later > 0) lines.push(`${counted(due.later, "message is", "messages are")} due later.`);
  if (states.in_doubt > 0)
    lines.push(
      `${counted(states.in_doubt, "message", "messages")} may have been handed to SES: events settle that, or you decide with ` +
        `${aboutAll(context, "retry", "<topic> --state in_doubt")}.`,
    );
  for (const [topic, now] of [...renamed].slice(0, 10)) lines.push(`The topic "${topic}" is called "${now}" here.`);
  if (renamed.size > 10) lines.push(`So are ${renamed.size - 10} more topics: --json names them.`);
  return lines;
}
