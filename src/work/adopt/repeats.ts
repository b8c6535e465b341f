/** Tells mails apart as a store does, for a dry run, which stores none. */
import type { Content } from "../../message.ts";
import { hash53 } from "../../store/hash.ts";
import type { AcceptMessage } from "../../store/rows.ts";

/** So many mails are remembered, with some 40 bytes each. Repeats of those after them are not told. */
const MOST = 2_000_000;

/** Remembers the mails that would be stored. */
export class Repeats {
  readonly #known = new Set<number>();
  readonly #contents = new WeakMap<Content, number>();

  /** False: a mail with this content would be there for this topic and address already. Mail without a topic repeats nothing. */
  isFirst({ topic, emails, content }: Pick<AcceptMessage, "topic" | "emails" | "content">): boolean {
    if (topic === null) return true;
    const key = hash53(JSON.stringify([topic, emails.join(" ").toLowerCase(), this.#contentOf(content)]));
    if (this.#known.has(key)) return false;
    if (this.#known.size < MOST) this.#known.add(key);
    return true;
  }

  /** Rows share the objects of their contents. */
  #contentOf(content: Content): number {
    const known = this.#contents.get(content);
    if (known !== undefined) return known;
    const found = hash53(JSON.stringify(content));
    this.#contents.set(content, found);
    return found;
  }
}
