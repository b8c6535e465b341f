/** Reads the attachments that go with every mail, and knows what SES accepts as one. */
import { basename, extname } from "node:path";
import { stat } from "node:fs/promises";
import { UserError } from "../../errors.ts";
import type { Attachment } from "../../message.ts";
import { fileProblem, MAX_FILE_BYTES, readBytes, pathFrom } from "../../read-file.ts";

/** The most that SES takes for a message, in bytes after base64: 40 MB (SES quotas). */
export const MAX_MESSAGE_BYTES = MAX_FILE_BYTES;
/** In characters (SES API, Attachment). */
const MAX_FILE_NAME = 255;

const BLOCKED_SOURCE =
  "ade adp app asp bas bat cer chm cmd com cpl crt csh der exe fxp gadget hlp hta inf ins isp its js jse ksh lib lnk mad maf mag mam " +
  "maq mar mas mat mau mav maw mda mdb mde mdt mdw mdz msc msh msh1 msh2 mshxml msh1xml msh2xml msi msp mst ops pcd pif plg prf prg reg " +
  "scf scr sct shb shs sys ps1 ps1xml ps2 ps2xml psc1 psc2 tmp url vb vbe vbs vps vsmacros vss vst vsw vxd ws wsc wsf wsh xnk";
/** File extensions SES refuses (SES developer guide, unsupported attachment types). */
const BLOCKED = new Set(BLOCKED_SOURCE.split(" "));

const CONTENT_TYPES: Record<string, string> = {
  csv: "text/csv",
  apng: "image/apng",
  avif: "image/avif",
  bmp: "image/bmp",
  doc: "application/msword",
  docx: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
  epub: "application/epub+zip",
  gif: "image/gif",
  gz: "application/gzip",
  htm: "text/html",
  html: "text/html",
  hwp: "application/x-hwp",
  hwpx: "application/hwp+zip",
  ico: "image/vnd.microsoft.icon",
  ics: "text/calendar",
  jpeg: "image/jpeg",
  jpg: "image/jpeg",
  json: "application/json",
  md: "text/markdown",
  mp3: "audio/mpeg",
  mp4: "video/mp4",
  odp: "application/vnd.oasis.opendocument.presentation",
  ods: "application/vnd.oasis.opendocument.spreadsheet",
  odt: "application/vnd.oasis.opendocument.text",
  pdf: "application/pdf",
  png: "image/png",
  ppt: "application/vnd.ms-powerpoint",
  pptx: "application/vnd.openxmlformats-officedocument.presentationml.presentation",
  rtf: "application/rtf",
  svg: "image/svg+xml",
  tif: "image/tiff",
  tiff: "image/tiff",
  txt: "text/plain",
  vcf: "text/vcard",
  webp: "image/webp",
  xls: "application/vnd.ms-excel",
  xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
  xml: "application/xml",
  zip: "application/zip",
};

/**
 * Reads the files that go with every mail; relative paths start at `cwd`. Throws `UserError` when a file is missing,
 * empty or refused by SES, or when all together are larger than 40 MB in base64.
 */
export async function readAttachments(paths: string[], cwd = ""): Promise<Attachment[]> {
  let bytes = 0;
  for (const path of paths) {
    const problem = nameProblem(basename(path));
    if (problem !== null)
      throw new UserError(`the attachment ${path}: ${problem}`, "put it into a zip file, or send a link");
    bytes += base64Length(await size(path, cwd));
  }
  if (bytes > MAX_MESSAGE_BYTES) {
    const megabytes = (bytes / 1024 / 1024).toFixed(1);
    throw new UserError(
      `the attachments are ${megabytes} MB as they are sent (base64), SES takes 40 MB for a message`,
      "send a link instead",
    );
  }
  return Promise.all(paths.map((path) => readAttachment(path, cwd)));
}

async function readAttachment(path: string, cwd: string): Promise<Attachment> {
  const data = (await readBytes(path, "the attachment", cwd)).toString("base64");
  return {
    fileName: basename(path),
    contentType: contentTypeOf(path),
    data,
  };
}

/** The media type for the extension of a path; `application/octet-stream` for an unknown one. */
export function contentTypeOf(path: string): string {
  return CONTENT_TYPES[extensionOf(path)] ?? "application/octet-stream";
}

/** Why SES refuses an attachment of this name, in one clause. Null when it does not. */
export function nameProblem(fileName: string): string | null {
  const extension = extensionOf(fileName);
  if (BLOCKED.has(extension)) return `SES does not take .${extension} files`;
  if (fileName.length > MAX_FILE_NAME) return `its name has more than ${MAX_FILE_NAME} characters`;
  // oxlint-disable-next-line no-control-regex
  return /[\x00-\x1f\x7f]/.test(fileName) ? "its name has a control character" : null;
}

async function size(path: string, cwd: string): Promise<number> {
  const found = await stat(pathFrom(cwd, path)).catch((error: unknown) => {
    const problem = fileProblem(error, "the attachment", path);
    const isList = problem instanceof UserError && path.includes(",");
    throw isList ? new UserError(problem.message, "several are written as a list: [terms.pdf, map.png]") : problem;
  });
  if (!found.isFile()) throw new UserError(`cannot read the attachment ${path}: it is not a file`);
  if (found.size > 0) return found.size;
  throw new UserError(`the attachment ${path} is empty, and SES takes no empty ones`, "fill it, or leave it out");
}

function extensionOf(path: string): string {
  return extname(path).slice(1).toLowerCase();
}

/** The length of `bytes` bytes in base64, with padding and without line breaks. */
export function base64Length(bytes: number): number {
  return Math.ceil(bytes / 3) * 4;
}
