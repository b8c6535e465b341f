/** Pictures that are part of a content: read once, when the content is, because other machines do not have the files. */
import { UserError } from "../../errors.ts";
import type { Attachment, RenderedMail } from "../../message.ts";
import { hasVariables } from "../content/no-variables.ts";
import { RenderProblem } from "../problem.ts";
import { contentIdAt, pictureAt } from "./mail-file.ts";
import { inlinePictures, localPictures } from "./pictures.ts";
import type { Tools } from "./shape.ts";

/**
 * The local pictures that `html` shows, as attachments with Content-IDs. `folder` is the absolute path of the content's
 * folder. A reference that begins with a variable is an address from the data, and left out. Rejects with `UserError`
 * for a picture that cannot be read or sent, or whose path has a variable.
 */
export async function readPictures(html: string, folder: string): Promise<Attachment[]> {
  const paths = localPictures(html).filter((path) => !/^\s*\{[{%]/.test(path));
  const varied = paths.find(hasVariables);
  if (varied !== undefined)
    throw new UserError(
      `the picture ${varied} of a template has a variable in its path, and other machines do not have the files`,
      "write its https address, or a variable for the whole address",
    );
  const { withFiles } = await import("./folder-files.ts");
  try {
    const files = paths.map((path) => pictureAt(folder, path));
    const each = [...new Map(files.map((file) => [file.contentId, file])).values()];
    return (await withFiles({ ...NO_MAIL, files: each })).attachments;
  } catch (error) {
    throw error instanceof RenderProblem ? new UserError(error.message) : error;
  }
}

const NO_MAIL: RenderedMail = {
  from: "",
  to: "",
  replyTo: [],
  subject: "",
  html: "",
  text: "",
  headers: [],
  tags: [],
  attachments: [],
  configurationSet: null,
};

/** The tool that lets the HTML show the pictures among these attachments; null when there are none. */
export function embeddedInliner(attachments: Attachment[]): Tools["inlinePictures"] {
  const known = new Set(attachments.map(({ contentId }) => contentId).filter((id) => id !== undefined));
  if (known.size === 0) return null;
  return (html) => {
    const inlined = inlinePictures(html, (path) => {
      const contentId = contentIdAt(path);
      return contentId !== null && known.has(contentId) ? { contentId } : null;
    });
    return { ...inlined, files: [] };
  };
}
