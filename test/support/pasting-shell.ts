/** A shell in a real pseudo-terminal, driven as somebody who pastes commands into it. */
import { spawn } from "node:child_process";

/** An interactive shell in a terminal of its own. */
export interface Shell {
  /** Everything the terminal was told so far. */
  output(): string;
  /** Pastes lines, and waits until the shell asks for the next one. Resolves to the exit code of the last command. */
  paste(lines: string): Promise<number>;
  /** Ends the shell and all that it left running. */
  close(): void;
}

/**
 * Starts bash in a pseudo-terminal of `columns` columns. `script` of util-linux makes the terminal, so that no native module is needed
 * for it.
 */
export function startShell(cwd: string, env: NodeJS.ProcessEnv, columns = 80): Shell {
  const shell = `stty cols ${columns} rows 24; exec bash --norc --noprofile -i`;
  const child = spawn("script", ["-qec", shell, "/dev/null"], {
    cwd,
    detached: true,
    env: { ...env, PS1: "$ ", TERM: "xterm-256color" },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let output = "";
  let heard: () => void = () => {};
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      heard();
    });
  }
  let count = 0;
  return {
    output: () => output,
    paste(lines) {
      const end = new RegExp(`^=${++count}=(\\d+)=`, "m");
      child.stdin.write(`${lines.trimEnd()}\necho =${count}=$?=\n`);
      return new Promise((resolve, reject) => {
        child.once("exit", () => reject(new Error(`the shell ended:\n${output}`)));
        heard = () => {
          const found = end.exec(output);
          if (found) resolve(Number(found[1]));
        };
        heard();
      });
    },
    close() {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      } catch {
        // Nothing was left running.
      }
    },
  };
}
