/** The `suppress sync` command at work: it brings the job file's suppressions and the account's list at SES together. */
import { awsRegion } from "../aws/region.ts";
import type { SesSuppressionList, SesSuppressionReason } from "../aws/suppression-list.ts";
import type { Suppression } from "../store/rows.ts";
import { EVERYTHING_LIST } from "../store/rules/suppress.ts";
import type { Suppressions } from "../store/store.ts";
import type { Context } from "./context.ts";
import { EXIT } from "../errors.ts";

/** Options of `suppress sync`. Neither means both directions. */
export interface SyncFlags {
  fromSes?: boolean;
  toSes?: boolean;
}

/** The JSON answer of `suppress sync`; a direction that was not asked for is null. */
export interface SyncAnswer {
  /** `listed` = `added` + `known`. */
  from_ses: { listed: number; added: number; known: number } | null;
  /** `skipped`: suppressed for a reason SES does not know, by a rehearsal, or of its mailbox simulator. They stay in the job file only. */
  to_ses: { added: number; known: number; skipped: number; refused: number } | null;
}

/** Which directions to go, and who hears of progress and refusals. */
export interface SyncOptions {
  fromSes: boolean;
  toSes: boolean;
  /** `done`: addresses read and put so far. */
  onProgress(done: number): void;
  onRefused(address: string, reason: string): void;
}

/**
 * SES knows two reasons (SES API v2, `SuppressionListReason`). An unsubscription, or an address suppressed by hand, does
 * not concern other programs on the account.
 */
const TO_SES: ReadonlyMap<string, SesSuppressionReason> = new Map([
  ["bounce", "BOUNCE"],
  ["complaint", "COMPLAINT"],
]);

/**
 * `suppress sync`: takes in what SES has, puts there what it does not have, or both. Exit code 1 when SES refused an
 * address. Throws as `SesSuppressionList` does.
 */
export async function syncWithSes(context: Context, flags: SyncFlags): Promise<number> {
  const { io, terminal, globals } = context;
  const { connectSuppressionList } = await import("../aws/suppression-list.ts");
  const list = connectSuppressionList({ region: awsRegion(io.env), clock: io.clock, signal: io.signal });
  context.onExit(() => list.close());
  // A missing setting must be told before the job file is made.
  await list.ready(io);
  const store = await context.openStore();
  const both = !flags.fromSes && !flags.toSes;
  const progress = terminal.progress(null, "addresses");
  try {
    const answer = await syncSuppressions(store, list, {
      fromSes: both || flags.fromSes === true,
      toSes: both || flags.toSes === true,
      onProgress: (done) => progress.update({ done, perSecond: 0 }),
      onRefused: (address, reason) => terminal.warn(`SES does not take ${address}: ${reason}`),
    });
    progress.stop();
    if (globals.json) terminal.json(answer);
    else terminal.done(describeSync(answer), answer.to_ses?.refused);
    return (answer.to_ses?.refused ?? 0) > 0 ? EXIT.partial : EXIT.done;
  } finally {
    progress.stop();
  }
}

function describeSync({ from_ses: from, to_ses: to }: SyncAnswer): string {
  const lines = [];
  if (from) lines.push(`from SES: ${from.listed} listed, ${from.added} added, ${from.known} known before`);
  if (to) {
    const others = `${to.skipped} kept here only`;
    lines.push(`to SES: ${to.added} added, ${to.known} there before, ${to.refused} refused, ${others}`);
  }
  return lines.join("\n");
}

/** Reads the list of SES once, page by page, then puts what SES does not have, one call for each address. */
export async function syncSuppressions(
  store: Suppressions,
  list: SesSuppressionList,
  options: SyncOptions,
): Promise<SyncAnswer> {
  const fromSes = { listed: 0, added: 0, known: 0 };
  const atSes = new Set<string>();
  for await (const page of list.pages()) {
    fromSes.listed += page.length;
    if (options.toSes) for (const { address } of page) atSes.add(address.toLowerCase());
    if (options.fromSes) {
      const entries = page.map(({ address, reason }) => ({ address, reason: reason.toLowerCase(), source: "ses" }));
      fromSes.added += await store.suppress(entries);
    }
    options.onProgress(fromSes.listed);
  }
  fromSes.known = fromSes.listed - fromSes.added;
  return {
    from_ses: options.fromSes ? fromSes : null,
    to_ses: options.toSes
      ? await putMissing(store, list, atSes, {
          ...options,
          onProgress: (done) => options.onProgress(fromSes.listed + done),
        })
      : null,
  };
}

async function putMissing(
  store: Suppressions,
  list: SesSuppressionList,
  atSes: ReadonlySet<string>,
  options: SyncOptions,
) {
  const counts = { added: 0, known: 0, skipped: 0, refused: 0 };
  const missing: { address: string; reason: SesSuppressionReason }[] = [];
  for await (const suppression of store.suppressions()) {
    const { address } = suppression;
    const reason = reasonAtSes(suppression);
    if (reason === null) counts.skipped++;
    else if (atSes.has(address)) counts.known++;
    else missing.push({ address, reason });
  }
  for (const entry of missing) {
    const refusal = await list.put(entry);
    if (refusal === null) counts.added++;
    else {
      counts.refused++;
      options.onRefused(entry.address, refusal);
    }
    options.onProgress(counts.added + counts.refused);
  }
  return counts;
}

/**
 * The reason under which SES takes the entry; null: it takes none. It refuses addresses of its mailbox simulator. What a rehearsal
 * suppressed is none of its business, nor is a list of ours.
 */
function reasonAtSes({ address, list, reason, rehearsal }: Suppression): SesSuppressionReason | null {
  if (list !== EVERYTHING_LIST) return null;
  return rehearsal || address.endsWith("@simulator.amazonses.com") ? null : (TO_SES.get(reason.toLowerCase()) ?? null);
}
