import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { platform } from "node:os";
import { join, resolve } from "node:path";
import type { Campaign, CampaignFlags } from "../work/campaign.ts";
import { fileProblem, folderProblem } from "../read-file.ts";
import { EXIT, UserError } from "../errors.ts";
import type { RenderedMail } from "../message.ts";
import type { AddCommand } from "./command.ts";
import type { Context } from "../work/context.ts";
import { addContentOptions, addRecipientOptions, parseCount } from "./options.ts";

interface Flags extends CampaignFlags {
  row: number;
  output?: string;
  open?: boolean;
}

export const addPreview: AddCommand = (program, act) => {
  const command = program
    .command("preview")
    .description("show the mail one recipient would get")
    .argument("<recipients.csv>", "CSV file, or - for stdin")
    .option("--row <n>", "which recipient, 1 is the first", parseCount("--row"), 1)
    .option("--output <dir>", "write mail.html, mail.txt and headers.txt into this folder")
    .option("--open", "open the HTML in the browser");
  addRecipientOptions(addContentOptions(command));
  command.action(act<Flags>((context, flags, [file]) => preview(context, file ?? "-", flags)));
};

async function preview(context: Context, file: string, flags: Flags): Promise<number> {
  const { terminal, globals, io } = context;
  const { readCampaign } = await import("../work/campaign.ts");
  const campaign = await readCampaign(file, flags, context.terminal);
  const mail = await renderRow(context, campaign, flags);
  const { headerLines } = await import("../compose/mail/header-lines.ts");
  const folder = flags.output ?? (flags.open ? "ses-mail-preview" : undefined);
  const files = folder === undefined ? null : writeMail(resolve(io.cwd, folder), mail, headerLines(mail));
  if (globals.json) terminal.json({ topic: campaign.topic, row: flags.row, ...mail, files });
  else if (files) terminal.result(files.join("\n"));
  else terminal.result(`${headerLines(mail)}\n\n${mail.text}`);
  if (flags.open && files?.[0]) openInBrowser(files[0]);
  return EXIT.done;
}

async function renderRow({ io }: Context, campaign: Campaign, flags: Flags): Promise<RenderedMail> {
  const { findRow } = await import("../work/list.ts");
  const { row, columns } = await findRow(io, campaign.file, flags, flags.row);
  const refused = (reason: string) =>
    new UserError(`row ${flags.row} (line ${row.line}) is refused: ${reason}`, "choose another with --row");
  if ("reason" in row) throw refused(row.reason);
  const problem = campaign.compiled.check(columns)(row.fields);
  if (problem !== null) throw refused(problem);
  const { valuesOf } = await import("../work/list.ts");
  const { withFiles } = await import("../compose/mail/folder-files.ts");
  const { RenderProblem } = await import("../compose/problem.ts");
  const mail = campaign.compiled.render(row.address, valuesOf(columns, row.fields));
  return withFiles(mail).catch((error: unknown) => {
    throw error instanceof RenderProblem ? refused(error.message) : error;
  });
}

/** A browser knows nothing of the mail's parts: the pictures are put into the page itself. */
function withPictures({ html, attachments }: RenderedMail): string {
  return attachments.reduce(
    (page, { contentId, contentType, data }) =>
      contentId === undefined ? page : page.replaceAll(`cid:${contentId}`, `data:${contentType};base64,${data}`),
    html,
  );
}

function writeMail(folder: string, mail: RenderedMail, headers: string): string[] {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw folderProblem(error, "--output", folder);
  }
  const write = (name: string, text: string) => {
    const path = join(folder, name);
    try {
      writeFileSync(path, text, { mode: 0o600 });
    } catch (error) {
      throw fileProblem(error, "the preview to", path, "write");
    }
    return path;
  };
  return [write("mail.html", withPictures(mail)), write("mail.txt", mail.text), write("headers.txt", `${headers}\n`)];
}

function openInBrowser(path: string): void {
  const program = { darwin: "open", win32: "explorer" }[platform() as string] ?? "xdg-open";
  const child = spawn(program, [path], { stdio: "ignore", detached: true });
  // No browser here (a server): the path was printed.
  child.on("error", () => undefined);
  child.unref();
}
