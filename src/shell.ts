/** Commands that people copy from our messages into a shell. */

/** Nothing in it means anything to a shell, wherever it stands in a word. */
const PLAIN = /^[\p{L}\p{N}_.,:@/+-]+$/u;

/** The text as one word of a POSIX shell: as it is where that is safe, else in single quotes. */
export function shellWord(text: string): string {
  return PLAIN.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** `ses-mail <command> <topic> <options>`, ready to be pasted. A topic that looks like an option comes last, after `--`. */
export function topicCommand(command: string, topic: string, options = ""): string {
  const words = topic.startsWith("-")
    ? [command, options, "--", shellWord(topic)]
    : [command, shellWord(topic), options];
  return `ses-mail ${words.filter((word) => word !== "").join(" ")}`;
}
