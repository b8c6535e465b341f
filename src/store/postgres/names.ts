/** Puts the name of our schema into statements. */
import { createHash } from "node:crypto";

/** A statement as it is sent. */
interface Statement {
  text: string;
  /** Names the prepared statement; the same text has the same name. */
  name: string;
}

const known = new Map<string, Map<string, Statement>>();
/** Texts are constants of the program, so there are few. */
const MOST = 2_000;

/**
 * Writes the schema where the text says `sm.`. `search_path` would do the same for a session, and a pooler gives each transaction
 * another one.
 */
export function qualified(sql: string, schema: string): Statement {
  let texts = known.get(schema);
  if (texts === undefined) known.set(schema, (texts = new Map()));
  let found = texts.get(sql);
  if (found === undefined) {
    const text = sql.replaceAll(/\bsm\./g, `"${schema}".`);
    found = { text, name: `sm_${createHash("sha1").update(text).digest("hex").slice(0, 16)}` };
    if (texts.size >= MOST) texts.clear();
    texts.set(sql, found);
  }
  return found;
}
