import type { Command } from "commander";
import { openInput } from "../io.ts";
import { awsRegion } from "../aws/region.ts";
import { EXIT, UserError } from "../errors.ts";
import type { NewSuppression } from "../store/rows.ts";
import type { SyncAnswer } from "../work/suppress-sync.ts";
import { outputPath } from "./options.ts";
import type { Act, AddCommand } from "./command.ts";
import type { Context } from "../work/context.ts";

interface AddFlags {
  reason: string;
  note?: string;
}

interface ImportFlags {
  reason: string;
  emailColumn?: string;
}

interface ExportFlags {
  output?: string;
  raw?: boolean;
}

interface SyncFlags {
  fromSes?: boolean;
  toSes?: boolean;
}

const BATCH = 1_000;

export const addSuppress: AddCommand = (program, act) => {
  const suppress = program.command("suppress").description("addresses that are not written to, and why");
  addAdd(suppress, act);
  suppress
    .command("remove")
    .description(
      "let addresses be written to again; messages already suppressed come back with: retry --state suppressed",
    )
    .argument("<addresses...>")
    .action(act((context, _flags, addresses) => remove(context, addresses)));
  suppress
    .command("list")
    .description("show them")
    .action(act((context) => list(context)));
  suppress
    .command("import")
    .description("add the addresses of a CSV file: columns email and, if there, reason and detail")
    .argument("<file>", "CSV file, or - for stdin")
    .option("--reason <text>", "reason of rows that give none", "manual")
    .option("--email-column <name>", "column with the address")
    .action(act<ImportFlags>((context, flags, [file]) => importList(context, file ?? "-", flags)));
  suppress
    .command("export")
    .description("write them as CSV")
    .option("--output <file>", "file instead of stdout")
    .option("--raw", "write cells as they are")
    .action(act<ExportFlags>((context, flags) => exportList(context, flags)));
  suppress
    .command("sync")
    .description("take in what is on the account's suppression list at SES, and put bounces and complaints there")
    .option("--from-ses", "only take in")
    .option("--to-ses", "only put there; SES takes one address a second")
    .action(act<SyncFlags>((context, flags) => sync(context, flags)));
};

function addAdd(suppress: Command, act: Act): void {
  suppress
    .command("add")
    .description("write to these addresses no more; messages that wait for them become suppressed")
    .argument("<addresses...>")
    .option("--reason <text>", "bounce, complaint, unsubscribe, or your own word", "manual")
    .option("--note <text>", "for people")
    .action(act<AddFlags>((context, flags, addresses) => add(context, addresses, flags)));
}

async function add({ openStore, terminal, globals }: Context, addresses: string[], flags: AddFlags): Promise<number> {
  const checked = await checkAll(addresses);
  const store = await openStore();
  const entries = checked.map((address) => ({
    address,
    reason: flags.reason,
    source: "manual",
    detail: flags.note ?? null,
  }));
  const added = await store.suppress(entries);
  if (globals.json) terminal.json({ added, known: checked.length - added });
  else terminal.result(`${added} added, ${checked.length - added} known before`);
  return EXIT.done;
}

async function remove({ openStore, terminal, globals }: Context, addresses: string[]): Promise<number> {
  const checked = await checkAll(addresses);
  const store = await openStore({ mustExist: true });
  const removed = await store.unsuppress(checked);
  if (globals.json) terminal.json({ removed, unknown: checked.length - removed });
  else terminal.result(`${removed} removed, ${checked.length - removed} were not suppressed`);
  return EXIT.done;
}

async function checkAll(addresses: string[]): Promise<string[]> {
  const { parseAddress } = await import("../compose/address/address.ts");
  return addresses.map((text) => {
    const parsed = parseAddress(text);
    if ("address" in parsed) return parsed.address;
    throw new UserError(
      `expected an e-mail address, got ${JSON.stringify(text)}: ${parsed.problem}`,
      "nothing was changed",
    );
  });
}

async function list({ openStore, terminal, globals }: Context): Promise<number> {
  const store = await openStore({ mustExist: true });
  const rows: { address: string; reason: string; source: string; detail: string | null; created_at: string }[] = [];
  for await (const { createdAt, ...row } of store.suppressions()) {
    rows.push({ ...row, created_at: new Date(createdAt).toISOString() });
  }
  if (globals.json) terminal.json({ suppressions: rows });
  else if (rows.length === 0) terminal.result("nobody is suppressed");
  else {
    const cells = rows.map((row) => [row.address, row.reason, row.source, row.created_at, row.detail ?? ""]);
    terminal.result(await terminal.table(["address", "reason", "source", "since", "detail"], cells));
  }
  return EXIT.done;
}

async function importList(context: Context, file: string, flags: ImportFlags): Promise<number> {
  const { io, terminal, globals } = context;
  const { openRecipients } = await import("../compose/list/recipients.ts");
  const { findName } = await import("../compose/list/name.ts");
  const { SUPPRESSION_FIELDS } = await import("../compose/list/own-files.ts");
  const recipients = await openRecipients(openInput(io, file), {
    name: file === "-" ? "stdin" : file,
    ...(flags.emailColumn !== undefined && { emailColumn: flags.emailColumn }),
  });
  const { columns } = recipients;
  const [reasonAt, detailAt] = [findName("reason", columns), findName("detail", columns)];
  // Where it comes from and since when, only a file of ours can tell.
  const isOurs = SUPPRESSION_FIELDS.every((name) => columns.includes(name));
  const [sourceAt, sinceAt] = isOurs ? [columns.indexOf("source"), columns.indexOf("created_at")] : [-1, -1];
  const store = await context.openStore();
  const counts = { rows: 0, added: 0, known: 0, rejected: 0 };
  let batch: NewSuppression[] = [];
  const flush = async () => {
    const added = await store.suppress(batch);
    counts.added += added;
    counts.known += batch.length - added;
    batch = [];
  };
  for await (const rows of recipients.batches()) {
    for (const row of rows) {
      counts.rows++;
      if ("reason" in row) {
        counts.rejected++;
        if (counts.rejected <= 20) terminal.warn(`line ${row.line}: ${row.reason}`);
        continue;
      }
      const reason = (isOurs ? row.fields[reasonAt] : row.fields[reasonAt]?.trim()) || flags.reason;
      const createdAt = instantOf(row.fields[sinceAt] ?? "", io.clock.now());
      batch.push({
        address: row.address,
        reason,
        source: row.fields[sourceAt]?.trim() || "import",
        detail: row.fields[detailAt] || null,
        ...(createdAt !== null && { createdAt }),
      });
    }
    if (batch.length >= BATCH) await flush();
  }
  await flush();
  if (globals.json) terminal.json(counts);
  else
    terminal.result(
      `${counts.rows} rows: ${counts.added} added, ${counts.known} known before, ${counts.rejected} rejected`,
    );
  return counts.rejected > 0 ? EXIT.partial : EXIT.done;
}

/** The instant of an ISO 8601 time in UTC; null for other texts, and for times that are still to come. */
function instantOf(text: string, now: number): number | null {
  const instant = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(text.trim()) ? Date.parse(text) : Number.NaN;
  return instant <= now ? instant : null;
}

async function exportList({ openStore, io }: Context, flags: ExportFlags): Promise<number> {
  const store = await openStore({ mustExist: true });
  const { csvLine } = await import("../compose/list/csv.ts");
  const { looksDefused } = await import("../compose/list/formula.ts");
  const { RAW_MARK, SUPPRESSION_FIELDS } = await import("../compose/list/own-files.ts");
  const { writeOutput } = await import("../report/output.ts");
  const raw = flags.raw ?? false;
  const needsMark = async () => {
    for await (const { reason, detail } of store.suppressions())
      if (looksDefused(reason) || looksDefused(detail ?? "")) return true;
    return false;
  };
  async function* lines(): AsyncGenerator<string> {
    const mark = raw && (await needsMark()) ? [RAW_MARK] : [];
    const unmarked = mark.map(() => "");
    yield csvLine([...SUPPRESSION_FIELDS, ...mark]);
    for await (const { address, reason, source, createdAt, detail } of store.suppressions()) {
      const cells = [address, reason, source, new Date(createdAt).toISOString(), detail ?? "", ...unmarked];
      yield csvLine(cells, { raw, trusted: 0 });
    }
  }
  await writeOutput(outputPath(io.cwd, flags.output), lines(), io);
  return EXIT.done;
}

async function sync(context: Context, flags: SyncFlags): Promise<number> {
  const { io, terminal, globals } = context;
  const { connectSuppressionList } = await import("../aws/suppression-list.ts");
  const { syncSuppressions } = await import("../work/suppress-sync.ts");
  const store = await context.openStore();
  const list = connectSuppressionList({ region: awsRegion(io.env), clock: io.clock, signal: io.signal });
  context.onExit(() => list.close());
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
    else terminal.result(describeSync(answer));
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
