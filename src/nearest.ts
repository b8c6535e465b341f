/**
 * The word of `words` that `typed` was probably meant to be, or null: a typo away, not more. One character in three may be wrong, at most
 * two, and at least one. Two neighbours that changed places are one mistake. Upper and lower case, spaces, `-` and `_` make no
 * difference.
 */
export function nearest(typed: string, words: Iterable<string>): string | null {
  const folded = fold(typed);
  const letters = folded.replaceAll("_", "").length;
  let best: string | null = null;
  let bestDistance = Math.min(MOST_EDITS, Math.max(1, Math.floor(letters / LETTERS_FOR_EDIT))) + 1;
  for (const word of words) {
    const distance = editDistance(folded, fold(word));
    if (distance < bestDistance) [best, bestDistance] = [word, distance];
  }
  return best;
}

const MOST_EDITS = 2;
/** With fewer right letters for each wrong one, `nope` would be `copy`. */
const LETTERS_FOR_EDIT = 3;

/** `First Name`, `first-name` and `first_name` are the same word to a person. */
function fold(word: string): string {
  return word.toLowerCase().replace(/[\s_-]+/g, "_");
}

/**
 * Levenshtein, and a swap of neighbours is one edit (optimal string alignment). Words far apart in length are not compared: a list may
 * have thousands of columns.
 */
function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > MOST_EDITS) return Infinity;
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwap = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swap = isSwap ? (before[j - 2] ?? 0) + 1 : Infinity;
      next.push(Math.min(replace, swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    [before, row] = [row, next];
  }
  return row[b.length] ?? Infinity;
}
