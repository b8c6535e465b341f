/** mailparser has no types of its own; this is what the tests use of it. */
declare module "mailparser" {
  export function simpleParser(message: string | Buffer): Promise<{
    subject?: string;
    date?: Date;
    headers: Map<string, unknown>;
    html?: string | false;
    text?: string;
  }>;
}
