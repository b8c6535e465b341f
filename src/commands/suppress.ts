import type { Command } from "commander";
import type { SuppressAddFlags } from "../work/suppress.ts";
import type { SuppressExportFlags, SuppressImportFlags } from "../work/suppress-list.ts";
import type { SyncFlags } from "../work/suppress-sync.ts";
import type { Act, AddCommand } from "./command.ts";

/** Declares `suppress`. */
export const addSuppress: AddCommand = (program, act) => {
  const suppress = program.command("suppress").description("manage the addresses that get no mail");
  addAdd(suppress, act);
  suppress
    .command("remove")
    .description("allow mail to addresses again; to send messages that were suppressed: retry --state suppressed")
    .argument("<addresses...>")
    .action(
      act(async (context, _flags, addresses) => {
        const { unsuppress } = await import("../work/suppress.ts");
        return unsuppress(context, addresses);
      }),
    );
  suppress
    .command("list")
    .description("show every suppressed address, and why it is suppressed")
    .action(act(async (context) => (await import("../work/suppress.ts")).listSuppressions(context)));
  addImport(suppress, act);
  addExport(suppress, act);
  addSync(suppress, act);
};

function addAdd(suppress: Command, act: Act): void {
  suppress
    .command("add")
    .description("stop mail to addresses; messages that wait for them become suppressed")
    .argument("<addresses...>")
    .option("--reason <text>", "bounce, complaint, unsubscribe, or your own word", "manual")
    .option("--note <text>", "a remark for yourself")
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
    .description("add the addresses of a CSV file; reads the columns email, reason and detail")
    .argument("<file>", "CSV file, or - for stdin")
    .option("--reason <text>", "reason for rows that name none", "manual")
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
    .description("write the suppressed addresses as CSV")
    .option("--output <file>", "write to this file instead of stdout")
    .option("--raw", "write cells as they are, even those that a spreadsheet would run as formulas")
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
    .description("copy the suppression list of the account at SES here, and our bounces and complaints there")
    .option("--from-ses", "only copy from SES")
    .option("--to-ses", "only copy to SES, which takes one address per second")
    .action(
      act<SyncFlags>(async (context, flags) => {
        const { syncWithSes } = await import("../work/suppress-sync.ts");
        return syncWithSes(context, flags);
      }),
    );
}
