import type { Command } from "commander";
import type { SuppressAddFlags } from "../work/suppress.ts";
import type { SuppressExportFlags, SuppressImportFlags } from "../work/suppress-list.ts";
import type { SyncFlags } from "../work/suppress-sync.ts";
import type { Act, AddCommand } from "./command.ts";
import { addExamples } from "./examples.ts";

/** Declares `suppress`. */
export const addSuppress: AddCommand = (program, act) => {
  const suppress = program.command("suppress").description("list, add and remove addresses that are never written to");
  addAdd(suppress, act);
  suppress
    .command("remove")
    .description(
      "allow mail to addresses again; ses-mail retry --state suppressed brings back messages that were suppressed",
    )
    .argument("<addresses...>")
    .action(
      act(async (context, _flags, addresses) => {
        const { unsuppress } = await import("../work/suppress.ts");
        return unsuppress(context, addresses);
      }),
    );
  suppress
    .command("list")
    .description("show every suppressed address")
    .action(act(async (context) => (await import("../work/suppress.ts")).listSuppressions(context)));
  addImport(suppress, act);
  addExport(suppress, act);
  addSync(suppress, act);
  addExamples(suppress, [
    ["ses-mail suppress add ann@example.com --note 'asked by phone'", "never writes to her again"],
    ["ses-mail suppress import old-system.csv --reason unsubscribe", "brings a list from elsewhere"],
  ]);
};

function addAdd(suppress: Command, act: Act): void {
  suppress
    .command("add")
    .description("never write to these addresses again; messages that wait for them become suppressed")
    .argument("<addresses...>")
    .option("--reason <text>", "bounce, complaint, unsubscribe, or your own word", "manual")
    .option("--note <text>", "for people")
    .action(
      act<SuppressAddFlags>(async (context, flags, addresses) => {
        const { suppress } = await import("../work/suppress.ts");
        return suppress(context, addresses, flags);
      }),
    );
}

function addImport(suppress: Command, act: Act): void {
  suppress
    .command("import")
    .description("add the addresses of a CSV file: columns email and, if there, reason and detail")
    .argument("<file>", "CSV file, or - for stdin")
    .option("--reason <text>", "reason of rows that give none", "manual")
    .option("--email-column <name>", "column with the address")
    .action(
      act<SuppressImportFlags>(async (context, flags, [file]) => {
        const { importSuppressions } = await import("../work/suppress-list.ts");
        return importSuppressions(context, file ?? "-", flags);
      }),
    );
}

function addExport(suppress: Command, act: Act): void {
  suppress
    .command("export")
    .description("write every suppressed address as CSV")
    .option("--output <file>", "file instead of stdout")
    .option("--excel", "begin with a byte order mark, so that Excel reads the letters of every language")
    .option("--raw", "write cells as they are")
    .action(
      act<SuppressExportFlags>(async (context, flags) => {
        const { exportSuppressions } = await import("../work/suppress-list.ts");
        return exportSuppressions(context, flags);
      }),
    );
}

function addSync(suppress: Command, act: Act): void {
  suppress
    .command("sync")
    .description("exchange bounces and complaints with the account's suppression list at SES")
    .option("--from-ses", "only read the list at SES")
    .option("--to-ses", "only write to it; SES takes one address a second")
    .action(
      act<SyncFlags>(async (context, flags) => {
        const { syncWithSes } = await import("../work/suppress-sync.ts");
        return syncWithSes(context, flags);
      }),
    );
}
