/** The `preview` command at work: one recipient's mail, on the terminal or as files. */
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { platform } from "node:os";
import { join, resolve } from "node:path";
import { type CampaignFlags, readCampaign } from "./campaign.ts";
import { headerLines } from "../compose/mail/header-lines.ts";
import type { Context } from "./context.ts";
import { EXIT, UserError } from "../errors.ts";
import type { RenderedMail } from "../message.ts";
import { renderOne } from "./one-mail.ts";
import { fileProblem, folderProblem } from "../read-file.ts";

/** Options of `preview`. */
export interface PreviewFlags extends CampaignFlags {
  /** 1 is the first. */
  row: number;
  /** The folder to write to. */
  output?: string;
  open?: boolean;
}

/** `preview`: shows the mail of one row. Throws `UserError` when it could not be sent, or the folder cannot be written to. */
export async function preview(context: Context, file: string, flags: PreviewFlags): Promise<number> {
  const { terminal, globals, io } = context;
  const campaign = await readCampaign(io, file, flags, terminal);
  const mail = await renderOne(io, campaign, {
    row: flags.row,
    refusal: (reason, line) =>
      new UserError(`row ${flags.row} (line ${line}) is refused: ${reason}`, "choose another with --row"),
  });
  const folder = flags.output ?? (flags.open ? "ses-mail-preview" : undefined);
  const files = folder === undefined ? null : writeMail(resolve(io.cwd, folder), mail, headerLines(mail));
  if (globals.json) terminal.json({ topic: campaign.topic, row: flags.row, ...mail, files });
  else if (files) terminal.result(files.join("\n"));
  else terminal.result(`${headerLines(mail)}\n\n${mail.text}`);
  if (flags.open && files?.[0]) openInBrowser(files[0]);
  return EXIT.done;
}

/** Puts the pictures into the page itself: a browser knows nothing of the mail's parts. */
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
  // A server has no browser; the path was printed.
  child.on("error", () => undefined);
  child.unref();
}
