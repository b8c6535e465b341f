/** Makes a mail of a template and of data, to be looked at. */
import type { Envelope } from "../compose/content/content.ts";
import { UserError } from "../errors.ts";
import { dataProblems } from "../intake/data.ts";
import { NO_EXTRAS } from "../intake/extras.ts";
import { templateBase } from "../intake/posted-content.ts";
import { summary } from "../intake/problems.ts";
import type { TemplateShelf } from "../intake/templates.ts";
import type { RenderedMail, Values } from "../message.ts";
import type { Template } from "../store/rows.ts";
import { readAddresses } from "./addresses.ts";
import { Refusal } from "./errors.ts";
import type { Settings } from "./gateway.ts";
import { NOBODY, previewMail } from "./mail-parts.ts";

/** What a preview is made of: the data, and the address of the recipient. Null: no data, nobody in particular. */
export interface Wanted {
  data?: Values | null;
  email?: string | null;
}

/** What previews work with. */
export interface PreviewParts {
  shelf: TemplateShelf;
  settings: Pick<Settings, "envelope" | "tracking">;
}

/** An envelope that adds nothing to a mail but a sender. It is for mails that are shown and never sent. */
export const NO_ENVELOPE: Envelope = {
  from: NOBODY,
  replyTo: [],
  headers: [],
  tags: [],
  configurationSet: null,
  unsubscribeUrl: null,
  unsubscribeMailto: null,
};

/**
 * The mail as this gateway would send it. Rejects with Refusal: 400 with every problem of the data and the address, 422 for a template
 * that this gateway cannot send.
 */
export async function previewTemplate(
  template: Template,
  { data, email }: Wanted,
  { shelf, settings: { envelope, tracking } }: PreviewParts,
): Promise<{ to: string; mail: RenderedMail }> {
  const [to = NOBODY] = email == null ? [] : readAddresses([{ path: "email", email }]);
  const content = templateBase(template.content, NO_EXTRAS, { envelope: envelope ?? NO_ENVELOPE, tracking });
  const compiled = await shelf.compiled(template, content).catch((error: unknown) => {
    throw error instanceof UserError ? new Refusal(422, error.message) : error;
  });
  const problems = dataProblems(compiled, { address: to, data: data ?? {}, at: "data" });
  if (problems.length > 0) throw new Refusal(400, summary(problems), problems);
  const mail = await previewMail({ topic: "", email: to, content, fields: data ?? {} });
  if ("problem" in mail) throw new Refusal(422, mail.problem);
  return { to, mail };
}
