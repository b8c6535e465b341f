/** Topic names in the two normal forms of Unicode, and searching for a part of one. */
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

/**
 * What to look for in the names of topics, whose letters A to Z are made small for it, to find a text whatever its case. A database knows
 * no other letters, so those are looked for as they were typed, small, as capitals, and with a capital at the beginning of each word.
 */
export function nameForms(text: string): string[] {
  const composed = text.normalize("NFC");
  const small = composed.toLowerCase();
  const titled = small.replace(/(?<![\p{L}\p{M}])\p{L}/gu, (letter) => letter.toUpperCase());
  const forms = [composed, small, composed.toUpperCase(), titled];
  return [...new Set(forms.map((form) => form.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())))];
}
