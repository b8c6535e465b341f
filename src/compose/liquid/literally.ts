/** Puts a text that is no template into a place where templates stand. */

/** A template that writes this text as it is, whatever braces it has. */
export function literally(text: string): string {
  return text.replaceAll(/\{(?=[{%])/g, '{{ "{" }}');
}
