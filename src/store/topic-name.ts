/** Topic names in the two normal forms of Unicode. */
import type { Topics } from "./store.ts";

/**
 * The name under which the store has this topic. A name may come in either form of Unicode: macOS gives file names decomposed
 * (NFD). New topics are composed (NFC), and older job files may have others, which are found as they are. For a topic that is
 * not in the store it is the composed name.
 */
export async function storedTopic(store: Pick<Topics, "topic">, name: string): Promise<string> {
  const composed = name.normalize("NFC");
  const decomposed = name.normalize("NFD");
  if (name === composed && name === decomposed) return name;
  for (const form of new Set([name, composed, decomposed])) if ((await store.topic(form)) !== null) return form;
  return composed;
}
