/** Why a text cannot stand in a mail, whoever brings it; null: it can. */
export function textProblem(text: string): string | null {
  if (!text.isWellFormed()) return "holds half of a character (a lone surrogate)";
  return text.includes("\0") ? "holds a NUL character" : null;
}
