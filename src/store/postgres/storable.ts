/** Makes texts of strangers fit for a column. */

/**
 * The text as PostgreSQL can keep it: without the character NUL, which no column takes, and without halves of characters. Either
 * becomes U+FFFD. Without it one event with such a text would make its whole batch fail, each time it comes.
 */
export function storable(text: string): string {
  return text.includes("\0") || !text.isWellFormed() ? text.toWellFormed().replaceAll("\0", "\ufffd") : text;
}
