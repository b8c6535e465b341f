/** Reads what a PostgreSQL client sends, message by message, and knows which of it makes a COMMIT. */

/** One message of a client, whole. */
export interface FrontendMessage {
  bytes: Buffer;
  /** "startup" for the first one, which has no type; otherwise the letter of the protocol: Q, P, B, E, S, d, …. */
  type: string;
  /** It makes the server commit: a simple query, or the Execute of a prepared statement. */
  commits: boolean;
  /** The server works on nothing after it before it has answered: a simple query or a Sync. */
  ends: boolean;
}

/** Requests that come instead of, or before, the startup message: SSLRequest and GSSENCRequest. */
const ENCRYPTION = new Set([80877103, 80877104]);

export interface FrontendReader {
  /** The messages that are complete now. */
  read(chunk: Buffer): FrontendMessage[];
}

/** `refuseEncryption` is called for each request for it; such requests are not passed on. */
export function frontendReader(refuseEncryption: () => void): FrontendReader {
  let rest = Buffer.alloc(0);
  let started = false;
  const commits = commitFinder();
  const next = (): FrontendMessage | null => {
    const header = started ? 1 : 0;
    if (rest.length < header + 4) return null;
    const length = header + rest.readUInt32BE(header);
    if (rest.length < length) return null;
    const bytes = rest.subarray(0, length);
    rest = rest.subarray(length);
    if (!started) return { bytes, type: "startup", commits: false, ends: false };
    const type = String.fromCharCode(bytes[0] ?? 0);
    return { bytes, type, commits: commits(type, bytes.subarray(5)), ends: type === "Q" || type === "S" };
  };
  return {
    read(chunk) {
      rest = Buffer.concat([rest, chunk]);
      const messages: FrontendMessage[] = [];
      for (let message = next(); message !== null; message = next()) {
        if (message.type === "startup" && ENCRYPTION.has(message.bytes.readUInt32BE(4))) refuseEncryption();
        else {
          started = true;
          messages.push(message);
        }
      }
      return messages;
    },
  };
}

/** Follows prepared statements and portals, to know what an Execute runs. */
function commitFinder(): (type: string, body: Buffer) => boolean {
  const statements = new Map<string, boolean>();
  const portals = new Map<string, boolean>();
  return (type, body) => {
    if (type === "Q") return isCommit(text(body, 0));
    if (type === "P") statements.set(text(body, 0), isCommit(text(body, text(body, 0).length + 1)));
    // The name of the portal comes first, then that of its statement. Names are ASCII.
    if (type === "B") portals.set(text(body, 0), statements.get(text(body, text(body, 0).length + 1)) ?? false);
    return type === "E" && (portals.get(text(body, 0)) ?? false);
  };
}

/** The string at an offset, which ends with a NUL. */
const text = (body: Buffer, from: number): string => body.toString("utf8", from, body.indexOf(0, from));

/** Also one of several statements in a simple query. "end" only by itself: bodies of functions end with it, too. */
const isCommit = (sql: string): boolean => /(^|;)\s*commit\b/i.test(sql) || /^\s*end\s*;?\s*$/i.test(sql);
