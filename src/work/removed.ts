/** Says what is missing where messages were removed. */
import { counted } from "../counted.ts";

/** What people are told who see the messages of a topic of which `removed` are gone, 1 or more. */
export function removedNote(topic: string, removed: number): string {
  const [were, are] = removed === 1 ? ["was", "is"] : ["were", "are"];
  return `${counted(removed, "message")} of "${topic}" ${were} removed: ${removed === 1 ? "it" : "they"} ${are} counted in its totals, and missing here.`;
}
