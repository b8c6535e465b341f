/**
 * The output of the program: results go to stdout, everything else to stderr. Text from outside (names, addresses, error
 * texts) goes through `printable`, so that no file and no server can control the terminal.
 */
import { createInterface } from "node:readline";
import type { SingleBar } from "cli-progress";
import type { ChalkInstance } from "chalk";
import type { Io } from "../io.ts";
import { surviveClosedPipes } from "./pipes.ts";
import { printable, printableLines } from "../printable.ts";
import { barLine, lineProgress, progressLine, silentProgress, type Progress, type Step } from "./progress.ts";

/** How commands talk to the user. */
export interface Terminal {
  /** A line on stderr; nothing when quiet. */
  info(line: string): void;
  /** A line on stderr, also when quiet. */
  warn(line: string): void;
  /** A line on stderr when verbose. */
  detail(line: string): void;
  /** Text for people on stdout; a newline is added when it has none. Nothing with `--json`. */
  result(text: string): void;
  /** One JSON document and a newline on stdout. */
  json(value: unknown): void;
  /** Shows progress: `label` says what is done (`sent`), `total` is null when nobody knows it. Only one at a time. */
  progress(total: number | null, label: string): Progress;
  /**
   * Asks on stderr and resolves to true for `y` or `yes`. Any other answer, the end of the input and a signal mean no.
   * Without a terminal on stdin and stderr nothing is asked and the answer is yes: the caller decides what needs
   * `--yes` then.
   */
  confirm(question: string): Promise<boolean>;
  /** A table for people; columns of numbers are aligned to the right. No newline at the end. */
  table(head: string[], rows: (string | number)[][]): Promise<string>;
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
  const lines = new StderrLines(io, drawsBar ? (await import("cli-progress")).SingleBar : null);
  return {
    info: (line) => {
      if (!options.quiet) lines.write(printable(line));
    },
    warn: (line) => lines.write(paint("yellow", printable(line))),
    detail: (line) => {
      if (options.verbose) lines.write(paint("dim", printable(line)));
    },
    result: (text) => {
      if (!options.json) io.stdout.write(printableLines(text.endsWith("\n") ? text : `${text}\n`));
    },
    json: (value) => {
      io.stdout.write(`${JSON.stringify(value)}\n`);
    },
    progress: (total, label) => (options.quiet ? silentProgress : lines.progress(total, label)),
    confirm: (question) => confirm(io, question),
    table: drawTable,
  };
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
    this.#io.stderr.write(`${line}\n`);
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
        if (bar.step !== null) this.write(progressLine(label, total, bar.step));
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

async function confirm(io: Io, question: string): Promise<boolean> {
  if (io.stdin.isTTY !== true || io.stderr.isTTY !== true) return true;
  if (io.signal.aborted) return false;
  io.stderr.write(`${printable(question)} [y/N] `);
  // Without readline's own line editing the terminal driver keeps turning Ctrl-C into a signal.
  const answers = createInterface({ input: io.stdin, terminal: false, signal: io.signal });
  try {
    for await (const answer of answers) return /^y(es)?$/i.test(answer.trim());
  } finally {
    answers.close();
  }
  io.stderr.write("\n");
  return false;
}

// Tables -------------------------------------------------------------------------------------------------------------

const BORDERS =
  "top top-mid top-left top-right bottom bottom-mid bottom-left bottom-right left left-mid mid mid-mid right right-mid";

/** The library takes time that grows with the square of the rows, and fails at some ten thousands. */
const MOST_ROWS = 1_000;
const SLICE_ROWS = 200;

/** A table of more than 1,000 rows is drawn in slices, each with columns as wide as its own cells need. */
async function drawTable(head: string[], rows: (string | number)[][]): Promise<string> {
  const { default: Table } = await import("cli-table3");
  const colAligns = head.map((_, column) => (rows.every((row) => isNumber(row[column])) ? "right" : "left"));
  const slices: string[] = [];
  const step = rows.length > MOST_ROWS ? SLICE_ROWS : MOST_ROWS;
  for (let from = 0; from === 0 || from < rows.length; from += step) {
    const table = new Table({
      head: from === 0 ? head.map(printable) : [],
      chars: { ...Object.fromEntries(BORDERS.split(" ").map((name) => [name, ""])), middle: "  " },
      style: { "padding-left": 0, "padding-right": 0, head: [], border: [] },
      colAligns,
    });
    for (const row of rows.slice(from, from + step))
      table.push(row.map((cell) => (typeof cell === "string" ? printable(cell) : showNumber(cell))));
    slices.push(table.toString().replace(/ +$/gm, ""));
  }
  return slices.join("\n");
}

/** A number, a share such as `12.5 %`, or the dash of an empty cell. */
function isNumber(cell: string | number | undefined): boolean {
  return typeof cell !== "string" || /^(?:-|[\d.,]+ %)$/.test(cell);
}

function showNumber(number: number): string {
  return number.toLocaleString("en-US");
}
