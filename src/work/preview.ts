/** The `preview` command at work: one recipient's mail, on the terminal or as files. */
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { platform } from "node:os";
import { join, resolve } from "node:path";
import { type CampaignFlags, readCampaign } from "./campaign.ts";
import { headerLines } from "../compose/mail/header-lines.ts";
import type { Context } from "./context.ts";
import { EXIT, UserError } from "../errors.ts";
import { mailAnswer } from "./mail-answer.ts";
import type { RenderedMail } from "../message.ts";
import { renderOne } from "./one-mail.ts";
import { fileProblem, folderProblem, makeFolder } from "../read-file.ts";

/** Options of `preview`. */
export interface PreviewFlags extends CampaignFlags {
  /** 1 is the first. */
  row: number;
  /** The folder to write to. */
  output?: string;
  open?: boolean;
}

/** A program that shows a page gives up within this time when it can show none. One that works may run for hours. */
const OPENING_MS = 2_000;

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
  const files = folder === undefined ? null : await writeMail(resolve(io.cwd, folder), mail, headerLines(mail));
  if (globals.json) terminal.json({ topic: campaign.topic, row: flags.row, ...mailAnswer(mail), files });
  else if (files) terminal.result(files.join("\n"));
  else terminal.result(`${headerLines(mail)}\n\n${mail.text}`);
  if (flags.open && files?.[0]) await openInBrowser(context, files[0]);
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

async function writeMail(folder: string, mail: RenderedMail, headers: string): Promise<string[]> {
  try {
    await makeFolder(folder);
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

/** Opens the page, and says what to do when that does not work: a server has no browser. */
async function openInBrowser({ terminal, io }: Context, path: string): Promise<void> {
  const program = { darwin: "open", win32: "explorer" }[platform() as string] ?? "xdg-open";
  const child = spawn(program, [path], { stdio: "ignore", detached: true, env: io.env });
  child.unref();
  const problem = await new Promise<string | null>((resolve) => {
    const timer = setTimeout(() => resolve(null), OPENING_MS);
    const end = (reason: string | null) => {
      clearTimeout(timer);
      resolve(reason);
    };
    child.once("error", () => end(`there is no ${program} here`));
    // The explorer of Windows exits with 1 when all is well.
    child.once("exit", (code) => end(code === 0 || program === "explorer" ? null : `${program} found none`));
    io.signal.addEventListener("abort", () => end(null), { once: true });
  });
  if (problem !== null)
    terminal.warn(
      `No browser could be opened (${problem}): open ${path} yourself, or copy it to a machine with a browser.`,
    );
}
