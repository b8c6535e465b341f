import type { Command } from "commander";
import type { SuppressAddFlags } from "../work/suppress.ts";
import type { ScopeFlags } from "../work/suppress-scope.ts";
import type { SuppressExportFlags, SuppressImportFlags } from "../work/suppress-list.ts";
import type { SyncFlags } from "../work/suppress-sync.ts";
import type { Act, AddCommand } from "./command.ts";
import { addExamples } from "./examples.ts";

/** Declares `suppress`. */
export const addSuppress: AddCommand = (suppress, act) => {
  addAdd(suppress, act);
  addRemove(suppress, act);
  addList(suppress, act);
  addImport(suppress, act);
  addExport(suppress, act);
  addSync(suppress, act);
  addExamples(suppress, [
    ["ses-mail suppress add ann@example.com --note 'asked by phone'", "never writes to her again"],
    ["ses-mail suppress add ann@example.com --list weekly", "sends her no more mail of this list"],
    ["ses-mail suppress import old-system.csv --reason unsubscribe", "brings a list from elsewhere"],
  ]);
};

/** Adds the options that say what is suppressed. `otherwise` is what is meant without them. */
function addScope(command: Command, otherwise: string, which = "only"): Command {
  return command
    .option("--list <name>", `${which} for this list (default: ${otherwise})`)
    .option("--bulk", `${which} for all bulk mail, of every list and of none`);
}

function addRemove(suppress: Command, act: Act): void {
  const command = suppress
    .command("remove")
    .description(
      "allow mail to addresses again; ses-mail retry --state suppressed brings back messages that were suppressed",
    )
    .argument("<addresses...>");
  addScope(command, "whatever they are suppressed for", "only what is").action(
    act<ScopeFlags>(async (context, flags, addresses) => {
      const { unsuppress } = await import("../work/suppress.ts");
      return unsuppress(context, addresses, flags);
    }),
  );
}

function addList(suppress: Command, act: Act): void {
  const command = suppress.command("list").description("show every suppressed address, and what it no longer gets");
  addScope(command, "every entry", "only what is").action(
    act<ScopeFlags>(async (context, flags) => (await import("../work/suppress.ts")).listSuppressions(context, flags)),
  );
}

function addAdd(suppress: Command, act: Act): void {
  const command = suppress
    .command("add")
    .description("never write to these addresses again; messages that wait for them become suppressed")
    .argument("<addresses...>")
    .option("--reason <text>", "bounce, complaint, unsubscribe, or your own word", "manual")
    .option("--note <text>", "for people");
  addScope(command, "everything").action(
    act<SuppressAddFlags>(async (context, flags, addresses) => {
      const { suppress } = await import("../work/suppress.ts");
      return suppress(context, addresses, flags);
    }),
  );
}

function addImport(suppress: Command, act: Act): void {
  const command = suppress
    .command("import")
    .description("add the addresses of a CSV file: columns email and, if there, reason, detail, list and scope")
    .argument("<file>", "CSV file, or - for stdin")
    .option("--reason <text>", "reason of rows that give none", "manual")
    .option("--email-column <name>", "column with the address");
  addScope(command, "everything", "rows that do not say it themselves are").action(
    act<SuppressImportFlags>(async (context, flags, [file]) => {
      const { importSuppressions } = await import("../work/suppress-list.ts");
      return importSuppressions(context, file ?? "-", flags);
    }),
  );
}

function addExport(suppress: Command, act: Act): void {
  const command = suppress
    .command("export")
    .description("write every suppressed address as CSV")
    .option("--output <file>", "file instead of stdout")
    .option("--excel", "begin with a byte order mark, so that Excel reads the letters of every language")
    .option("--raw", "write cells as they are");
  addScope(command, "every entry", "only what is").action(
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
