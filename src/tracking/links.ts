/** Signed links: who holds one was sent the mail. */
export interface Links {
  open(messageId: number): string;
  click(messageId: number, url: string): string;
  unsubscribe(messageId: number): string;
  /** The message a token was made for, or null for anything else. */
  readOpen(token: string): number | null;
  readClick(token: string, url: string): number | null;
  readUnsubscribe(token: string): number | null;
}
