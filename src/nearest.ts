/**
 * The word of `words` that `typed` was probably meant to be, or null. It is at most two edits away, or one when
 * `typed` has three characters or fewer. Upper and lower case, spaces, `-` and `_` make no difference.
 */
export function nearest(typed: string, words: Iterable<string>): string | null {
  let best: string | null = null;
  let bestDistance = Math.min(2, Math.ceil(typed.length / 3)) + 1;
  for (const word of words) {
    const distance = editDistance(fold(typed), fold(word));
    if (distance < bestDistance) [best, bestDistance] = [word, distance];
  }
  return best;
}

/** `First Name`, `first-name` and `first_name` are the same word to a person. */
function fold(word: string): string {
  return word.toLowerCase().replace(/[\s_-]+/g, "_");
}

/** Levenshtein, one row at a time. Words far apart in length are not compared: a list may have thousands of columns. */
function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return Infinity;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replace, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? Infinity;
}
