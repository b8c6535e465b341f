/**
 * `ses-mail` in a real pseudo-terminal, made by `script` of util-linux: the terminal driver echoes, cuts lines, and turns
 * Ctrl-C into a signal. Nothing of that happens with streams that only say that they are a terminal.
 */
import { spawn } from "node:child_process";
import { onTestFinished } from "vitest";
import { placed } from "./place.ts";
import { cleanEnv, until } from "./run.ts";

const BIN = new URL("../../bin/ses-mail.js", import.meta.url).pathname;

export interface PtyRun {
  /** Everything that was written to the terminal so far, echoes included. */
  output(): string;
  /** Waits until the output has `text`. */
  shows(text: string): Promise<void>;
  type(text: string): void;
  finished: Promise<{ code: number; output: string; restored: boolean }>;
}

/** Runs `ses-mail <args>` in a terminal of so many columns. Afterwards `restored` says whether the terminal is as it was. */
export function startInTerminal(
  folder: string,
  args: string[],
  { columns = 80, env = {} }: { columns?: number; env?: Record<string, string> } = {},
): PtyRun {
  const here = placed(folder, { args, env: { ...cleanEnv(folder), TERM: "xterm", SHELL: "/bin/sh", ...env } });
  const words = [process.execPath, BIN, ...here.args].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
  const line = [
    `stty rows 24 cols ${columns}`,
    "before=$(stty -g)",
    // Ctrl-C reaches the shell as well, which must live to see how the terminal is left.
    "trap : INT",
    words,
    "code=$?",
    `[ "$before" = "$(stty -g)" ] && echo terminal-restored`,
    "exit $code",
  ].join("\n");
  const child = spawn("script", ["-qefc", line, "/dev/null"], {
    cwd: folder,
    env: here.env,
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.stdin.on("error", () => undefined);
  const output = () => Buffer.concat(chunks).toString("utf8").replaceAll("\r\n", "\n");
  const finished = new Promise<{ code: number; output: string; restored: boolean }>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      const all = output();
      const restored = all.includes("terminal-restored\n");
      resolve({ code: code ?? -1, output: all.replace("terminal-restored\n", ""), restored });
    });
  });
  return {
    output,
    shows: (text) => until(() => output().includes(text), JSON.stringify(text)),
    type: (text) => void child.stdin.write(text),
    finished,
  };
}
