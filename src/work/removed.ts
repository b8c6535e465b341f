/** Says what is missing where messages were removed. */
import { counted } from "../counted.ts";

/** What people are told when they see the messages of a topic and `removed` of them, 1 or more, are gone. */
export function removedNote(topic: string, removed: number): string {
  const [were, they] = removed === 1 ? ["was", "it is"] : ["were", "they are"];
  return `${counted(removed, "message")} of "${topic}" ${were} removed: ${they} still counted in the totals, and missing here.`;
}
