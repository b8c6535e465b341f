/** How the items of a help are laid out. Commander lets a description beside a wide term run over the edge of a narrow window. */
import type { AddHelpTextContext } from "commander";
import { Help } from "commander";

/** A description beside its term needs so many columns, or it goes below. */
const LEAST_BESIDE = 24;
/** Columns before a term, between it and its description, and before a description below it. */
const [BEFORE, BETWEEN, BELOW] = [2, 2, 6];
/** Columns of a window that nobody knows (as Commander has it). */
const USUAL = 80;

const usual = new Help();

/** As `Help.formatItem`: the term with its description, wrapped, beside it or, in a narrow window, below it. */
export function formatItem(term: string, termWidth: number, description: string, helper: Help): string {
  const columns = helper.helpWidth ?? USUAL;
  if (description === "" || columns - BEFORE - termWidth - BETWEEN >= LEAST_BESIDE)
    return usual.formatItem.call(helper, term, termWidth, description, helper);
  // Commander wraps nothing that has less room than this.
  helper.minWidthToWrap = Math.min(helper.minWidthToWrap, columns - BELOW);
  const wrapped = helper.boxWrap(description, columns - BELOW).split("\n");
  return [`${" ".repeat(BEFORE)}${term}`, ...wrapped.map((line) => `${" ".repeat(BELOW)}${line}`)].join("\n");
}

/**
 * Text behind a help, for `addHelpText`: its lines are wrapped, each below its own beginning. Command lines stay whole, so that they can be
 * copied.
 */
export function wrappedText(text: string): (context: AddHelpTextContext) => string {
  return ({ command, error }) => {
    const { getErrHelpWidth, getOutHelpWidth } = command.configureOutput();
    const columns = (error ? getErrHelpWidth?.() : getOutHelpWidth?.()) ?? USUAL;
    return text
      .split("\n")
      .map((line) => (/^ *(?:npx )?ses-mail /.test(line) ? line : wrappedLine(line, columns)))
      .join("\n");
  };
}

/** Exit codes and the like stand before the text that is to be below itself. */
function wrappedLine(line: string, columns: number): string {
  const [head = ""] = /^ *(?:\d+ +)?/.exec(line) ?? [];
  if (line.length <= columns || columns - head.length < LEAST_BESIDE) return line;
  const wrapper = new Help();
  wrapper.minWidthToWrap = LEAST_BESIDE;
  const wrapped = wrapper.boxWrap(line.slice(head.length), columns - head.length);
  return head + wrapped.replaceAll("\n", `\n${" ".repeat(head.length)}`);
}
