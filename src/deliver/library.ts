/** What the mailer needs of a store. */
import type { Content } from "../message.ts";

/** What mails are made of. */
export interface Library {
  /** The job's random id, which is the value of the tag `ses-mail-job`: letters and digits. */
  readonly jobId: string;
  /** The content with this id (`Claim.contentId`), which has to exist. */
  content(contentId: number): Promise<Content>;
  /** The column names of the list that a message came with (`Claim.ingestId`); empty for a message of a request. */
  listColumns(ingestId: number): Promise<string[]>;
}
