/** The mail of one row of a list, for `preview` and `send --test-to`. */
import type { Campaign } from "./campaign.ts";
import { withFiles } from "../compose/mail/folder-files.ts";
import { RenderProblem } from "../compose/problem.ts";
import type { UserError } from "../errors.ts";
import type { Io } from "../io.ts";
import { findRow, valuesOf } from "./list.ts";
import type { RenderedMail } from "../message.ts";

/** Which row is rendered, for whom, and the error when it cannot be sent. */
export interface MailOptions {
  /** 1 is the first. */
  row: number;
  /** The address to use in place of the row's own, which may be invalid then. */
  to?: string;
  /** Makes the error for a row whose mail cannot be sent. `line`: its line in the file. */
  refusal(reason: string, line: number): UserError;
}

/** Renders one row's mail with its files. Throws `UserError` when there is no such row, `refusal` when it cannot be sent. */
export async function renderOne(io: Io, campaign: Campaign, options: MailOptions): Promise<RenderedMail> {
  const { compiled, file, flags } = campaign;
  const { row, columns } = await findRow(io, file, flags, options.row);
  const refused = (reason: string) => options.refusal(reason, row.line);
  if ("reason" in row && options.to === undefined) throw refused(row.reason);
  const problem = compiled.check(columns)(row.fields);
  if (problem !== null) throw refused(problem);
  const address = options.to ?? ("address" in row ? row.address : "");
  const mail = compiled.render(address, valuesOf(columns, row.fields));
  return withFiles(mail).catch((error: unknown) => {
    throw error instanceof RenderProblem ? refused(error.message) : error;
  });
}
