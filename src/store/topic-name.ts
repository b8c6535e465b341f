import type { Topics } from "./store.ts";

/**
 * The name under which a topic is in the store. Names come in either form of Unicode: a Mac gives file names, and what is
 * copied from them, decomposed. New topics are NFC; older job files may hold others, which are found as they are. A topic that is not
 * there keeps the name it would get.
 */
export async function storedTopic(store: Pick<Topics, "topic">, name: string): Promise<string> {
  const composed = name.normalize("NFC");
  const decomposed = name.normalize("NFD");
  if (name === composed && name === decomposed) return name;
  for (const form of new Set([name, composed, decomposed])) if ((await store.topic(form)) !== null) return form;
  return composed;
}
