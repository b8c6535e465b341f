/**
 * The output of the program: results go to stdout, everything else to stderr. A line on a stderr that is no terminal begins with the
 * local time, because it goes to a log, or into a mail of cron. Text from outside (names, addresses, error
 * texts) goes through `printable`, so that no file and no server can control the terminal.
 */
import type { SingleBar } from "cli-progress";
import type { ChalkInstance } from "chalk";
import { InterruptedError } from "../errors.ts";
import { type Io, stamp } from "../io.ts";
import { surviveClosedPipes } from "./pipes.ts";
import { printable, printableLines } from "../printable.ts";
import type { Cell, Rows, Space } from "./table.ts";
import { barLine, endLine, lineProgress, silentProgress, type Progress, type Step } from "./progress.ts";

/** How commands talk to the user. */
export interface Terminal {
  /** A line on stderr; nothing when quiet. */
  info(line: string): void;
  /** A line on stderr, also when quiet. */
  warn(line: string): void;
  /** A line on stderr when verbose. */
  detail(line: string): void;
  /** What was asked for, as text for people on stdout; a newline is added when it has none. Nothing with `--json`. */
  result(text: string): void;
  /**
   * What a command has done, on stdout. Nothing with `--json`, and nothing when quiet and all is well: `trouble` is 0 or not given.
   * An exit code says how much trouble there was.
   */
  done(text: string, trouble?: number): void;
  /** The same for work that cron starts, such as `send`: the line begins with the local time when stdout is no terminal. */
  ending(text: string, trouble: number): void;
  /** One JSON document and a newline on stdout. */
  json(value: unknown): void;
  /** Shows progress: `label` says what is done (`sent`), `total` is null when nobody knows it. Only one at a time. */
  progress(total: number | null, label: string): Progress;
  /**
   * Shows the lines of `about`, asks on stderr, and resolves to true for `y` or `yes`. Any other answer and the end of the
   * input mean no. Without a terminal on stdin and stderr nothing is shown or asked and the answer is yes: the caller
   * decides what needs `--yes` then. Rejects with InterruptedError when a signal comes first.
   */
  confirm(question: string, about?: readonly string[]): Promise<boolean>;
  /**
   * A table for people: see `tableLines`. It is as wide as the terminal allows; where stdout is none, it is written in full. No
   * newline at the end.
   */
  table(head: readonly string[], rows: readonly (readonly Cell[])[]): Promise<string>;
  /**
   * The lines of a table that may be long, each with its line end. Where stdout is no terminal, the table fits 80 columns as far
   * as it can without losing anything (`fits`), or has one line for each row (`full`). The rows are read once.
   */
  tableLines(head: readonly string[], rows: Rows, inPipes: "fits" | "full"): AsyncGenerator<string>;
}

/** The global options that change the output. */
export interface TerminalOptions {
  json: boolean;
  quiet: boolean;
  verbose: boolean;
  /** False (`--no-color`): never colour. True: the terminal and the environment decide. */
  color: boolean;
}

/** The terminal of one run. Loads chalk and cli-progress only when they are needed, so that a pipe starts fast. */
export async function createTerminal(io: Io, options: TerminalOptions): Promise<Terminal> {
  surviveClosedPipes(io);
  const drawsBar = isScreen(io) && !options.quiet;
  const paint = await loadPaint(colorLevel(io, options.color));
  const result = (text: string) => {
    if (!options.json) io.stdout.write(printableLines(text.endsWith("\n") ? text : `${text}\n`));
  };
  const done = (text: string, trouble = 0) => {
    if (!options.quiet || trouble !== 0) result(text);
  };
  const lines = new StderrLines(io, drawsBar ? (await import("cli-progress")).SingleBar : null);
  return {
    info: (line) => {
      if (!options.quiet) lines.write(printable(line));
    },
    warn: (line) => lines.write(paint("yellow", printable(line))),
    detail: (line) => {
      if (options.verbose) lines.write(paint("dim", printable(line)));
    },
    result,
    done,
    ending: (text, trouble) => done(`${stamp(io, io.stdout)}${text}`, trouble),
    json: (value) => {
      io.stdout.write(`${JSON.stringify(value)}\n`);
    },
    progress: (total, label) => (options.quiet ? silentProgress : lines.progress(total, label)),
    confirm: (question, about = []) => confirm(io, question, about),
    async table(head, rows) {
      const { tableLines } = await import("./table.ts");
      const lines: string[] = [];
      for await (const line of tableLines(head, rows, spaceOf(io, "full"))) lines.push(line);
      return lines.join("\n");
    },
    async *tableLines(head, rows, inPipes) {
      const { tableLines } = await import("./table.ts");
      for await (const line of tableLines(head, rows, spaceOf(io, inPipes))) yield `${line}\n`;
    },
  };
}

/** Columns of a terminal that does not say how wide it is. */
const USUAL_WIDTH = 80;

function spaceOf({ stdout }: Io, inPipes: "fits" | "full"): Space {
  if (stdout.isTTY === true) return { width: stdout.columns || USUAL_WIDTH, mayCut: true };
  return { width: inPipes === "fits" ? USUAL_WIDTH : Infinity, mayCut: false };
}

// Colour -------------------------------------------------------------------------------------------------------------

type Paint = (color: "yellow" | "dim", text: string) => string;

async function loadPaint(level: 0 | 1 | 2 | 3): Promise<Paint> {
  if (level === 0) return (_color, text) => text;
  const { Chalk } = await import("chalk");
  const chalk: ChalkInstance = new Chalk({ level });
  return (color, text) => chalk[color](text);
}

/**
 * `--no-color` and NO_COLOR (no-color.org: any value but an empty one) beat FORCE_COLOR (Node: 0 to 3). Else a screen
 * has colour.
 */
function colorLevel(io: Io, color: boolean): 0 | 1 | 2 | 3 {
  if (!color || io.env["NO_COLOR"]) return 0;
  const forced = io.env["FORCE_COLOR"];
  if (forced === "0" || forced === "false") return 0;
  if (forced === "2" || forced === "3") return forced === "2" ? 2 : 3;
  return forced !== undefined || isScreen(io) ? 1 : 0;
}

/** A terminal that can move its cursor. */
function isScreen(io: Io): boolean {
  return io.stderr.isTTY === true && io.env["TERM"] !== "dumb";
}

// Lines and bar on the same stream -----------------------------------------------------------------------------------

type BarClass = typeof SingleBar;

/** stderr, shared by lines and at most one bar. A line replaces the bar, and the bar is drawn again below it. */
class StderrLines {
  readonly #io: Io;
  readonly #Bar: BarClass | null;
  #bar: BarProgress | null = null;

  constructor(io: Io, Bar: BarClass | null) {
    this.#io = io;
    this.#Bar = Bar;
  }

  write(line: string): void {
    this.#bar?.hide();
    this.#io.stderr.write(`${stamp(this.#io, this.#io.stderr)}${line}\n`);
    this.#bar?.show();
  }

  progress(total: number | null, label: string): Progress {
    if (this.#Bar === null) return lineProgress(label, total, this.#io.clock, (line) => this.write(line));
    this.#bar?.hide();
    const bar = new BarProgress(new this.#Bar(barOptions(this.#io, total, label)));
    this.#bar = bar;
    bar.show();
    return {
      update: (step) => bar.update(step),
      stop: () => {
        if (this.#bar !== bar) return;
        this.#bar = null;
        bar.hide();
        const line = bar.step && endLine(label, total, bar.step);
        if (line !== null) this.write(line);
      },
    };
  }
}

class BarProgress {
  step: Step | null = null;
  readonly #bar: SingleBar;

  constructor(bar: SingleBar) {
    this.#bar = bar;
  }

  update(step: Step): void {
    this.step = step;
    this.#bar.update({ step });
  }

  show(): void {
    this.#bar.start(1, 0, { step: this.step ?? { done: 0, perSecond: 0 } });
  }

  hide(): void {
    this.#bar.stop();
  }
}

function barOptions(io: Io, total: number | null, label: string): ConstructorParameters<BarClass>[0] {
  return {
    stream: io.stderr,
    clearOnComplete: true,
    // `barLine` keeps lines short. With `false` cli-progress switches wrapping off, and it would stay off after a kill
    // -9.
    linewrap: true,
    // `bin/ses-mail.js` handles signals.
    gracefulExit: false,
    format: (_options, params, payload: { step: Step }) => barLine(label, total, payload.step, params.maxWidth),
  };
}

// Asking -------------------------------------------------------------------------------------------------------------

async function confirm(io: Io, question: string, about: readonly string[]): Promise<boolean> {
  if (io.stdin.isTTY !== true || io.stderr.isTTY !== true) return true;
  if (io.signal.aborted) throw new InterruptedError();
  for (const line of about) io.stderr.write(`${printable(line)}\n`);
  io.stderr.write(`${printable(question)} [y/N] `);
  // Without readline's own line editing the terminal driver keeps turning Ctrl-C into a signal.
  const { createInterface } = await import("node:readline");
  const answers = createInterface({ input: io.stdin, terminal: false, signal: io.signal });
  try {
    for await (const answer of answers) return /^y(es)?$/i.test(answer.trim());
  } finally {
    answers.close();
  }
  // Neither the end of the input nor Ctrl-C ends the line of the question.
  io.stderr.write("\n");
  if (io.signal.aborted) throw new InterruptedError();
  return false;
}
