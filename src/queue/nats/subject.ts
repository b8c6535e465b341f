/** Subjects of NATS and their wildcards. */

/** Whether `pattern` takes what is published on `subject`: `*` is one word, `>` at the end is one or more. `subject` has no wildcards. */
export function takesSubject(pattern: string, subject: string): boolean {
  const [want, have] = [pattern.split("."), subject.split(".")];
  const isOpen = want.at(-1) === ">";
  if (isOpen ? have.length < want.length : have.length !== want.length) return false;
  return want.every((word, at) => word === "*" || (isOpen && at === want.length - 1) || word === have[at]);
}
