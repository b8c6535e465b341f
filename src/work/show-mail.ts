/** Shows a mail: on the terminal, as JSON, as files, or in the browser. */
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { platform } from "node:os";
import { join, resolve } from "node:path";
import { headerLines } from "../compose/mail/header-lines.ts";
import type { Context } from "./context.ts";
import { EXIT } from "../errors.ts";
import { mailAnswer } from "./mail-answer.ts";
import type { RenderedMail } from "../message.ts";
import { fileProblem, folderProblem, makeFolder } from "../read-file.ts";

/** How a mail is shown. */
export interface ShowFlags {
  /** The folder to write to. */
  output?: string;
  open?: boolean;
}

/** A program that shows a page gives up within this time when it can show none. One that works may run for hours. */
const OPENING_MS = 2_000;

/** Shows a mail. `about` goes into the JSON with it. Throws `UserError` when the folder cannot be written to. */
export async function showMail(context: Context, mail: RenderedMail, flags: ShowFlags, about: object): Promise<number> {
  const { terminal, globals, io } = context;
  const folder = flags.output ?? (flags.open ? "ses-mail-preview" : undefined);
  const files = folder === undefined ? null : await writeMail(resolve(io.cwd, folder), mail, headerLines(mail));
  if (globals.json) terminal.json({ ...about, ...mailAnswer(mail), files });
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
