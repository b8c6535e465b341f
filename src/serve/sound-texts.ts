/** Refuses texts that no mail may hold. */
import { textProblem } from "../compose/content/sound-text.ts";
import { Refusal } from "./errors.ts";

/** @throws Refusal (400) for the first of the texts, by the names of their fields, that cannot stand in a mail. */
export function requireSound(texts: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(texts)) {
    const message = textProblem(text);
    if (message !== null) throw new Refusal(400, `${path}: ${message}`, [{ path, message }]);
  }
}
