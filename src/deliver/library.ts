/** What mails are made of: all that the mailer knows of a store. */
import type { Content } from "../message.ts";

export interface Library {
  /** The job's random id, the value of the tag `ses-mail-job`: letters and digits. */
  readonly jobId: string;
  /** The content with this id (`Claim.contentId`). */
  content(contentId: number): Promise<Content>;
  /** Column names of the list a message came with (`Claim.ingestId`); none for a message of a request. */
  listColumns(ingestId: number): Promise<string[]>;
}
