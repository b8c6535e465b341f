/** README is held to what the program says of itself, and its tour is walked for real. */
import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { main } from "../src/cli.ts";
import { fakeIo } from "./support/fake-io.ts";
import { cleanEnv, run, workFolder } from "./support/run.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const README = readFileSync(join(ROOT, "README.md"), "utf8");

interface Help {
  command: string;
  flags: string[];
  variables: string[];
  children: string[];
}

async function helpOf(...words: string[]): Promise<Help> {
  const { io, stdout } = fakeIo();
  await main([...words, "--help"], io);
  const [own = ""] = stdout().split(/^Global Options:/m);
  const commands = /^Commands:\n((?: .*\n)*)/m.exec(stdout())?.[1] ?? "";
  return {
    command: words.join(" "),
    flags: [...own.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].map((match) => match[1] ?? ""),
    variables: [...own.replace(/\s+/g, " ").matchAll(/env: (\w+)/g)].map((match) => match[1] ?? ""),
    children: [...commands.matchAll(/^ {2}([a-z-]+)/gm)]
      .map((match) => match[1] ?? "")
      .filter((name) => name !== "help"),
  };
}

/** The text under the heading that begins with `title`, up to the next of its rank. */
function section(title: string): string {
  const start = README.split("\n").findIndex(
    (line) => /^#{2,3} /.test(line) && line.replace(/^#+ `?/, "").startsWith(title),
  );
  if (start < 0) return "";
  const rest = README.split("\n").slice(start + 1);
  const end = rest.findIndex((line) => /^#{2,3} /.test(line));
  return rest.slice(0, end < 0 ? undefined : end).join("\n");
}

/** What README says of a command: its section, and the tables of shared options that it points to. */
function documented(command: string): string {
  const [name] = command.split(" ");
  const own = section(`ses-mail ${name}`);
  const shared = [...own.matchAll(/\]\(#([a-z-]+)-options\)/g)].map((match) =>
    section(`${capital(match[1] ?? "")} options`),
  );
  return [own, ...shared].join("\n");
}

const capital = (word: string) => word.slice(0, 1).toUpperCase() + word.slice(1);
const has = (text: string, flag: string) => new RegExp(`\`(?:-\\w\`, \`)?${flag}[ \`]`).test(text);

describe("README", () => {
  let program: Help;
  const commands: Help[] = [];

  beforeAll(async () => {
    program = await helpOf();
    for (const name of program.children) {
      const help = await helpOf(name);
      commands.push(help);
      for (const child of help.children) commands.push(await helpOf(name, child));
    }
  });

  it("has a section for every command", () => {
    expect(commands.length).toBeGreaterThan(10);
    const missing = commands
      .map(({ command }) => command)
      .filter((command) => !README.includes(`\`ses-mail ${command}`));
    expect(missing).toEqual([]);
  });

  it("has every flag of every command", () => {
    const flags = commands.flatMap(({ command, flags: own }) =>
      own.filter((flag) => flag !== "--help" && !has(documented(command), flag)).map((flag) => `${command} ${flag}`),
    );
    const global = program.flags.filter((flag) => !has(section("Global options"), flag));
    expect([...global, ...flags]).toEqual([]);
  });

  it("names no flag that there is not", () => {
    const known = new Set([program, ...commands].flatMap(({ flags }) => flags));
    const rows = README.split("\n").filter((line) => line.startsWith("|"));
    const named = rows.flatMap((row) => [...row.matchAll(/`(--[a-z-]+)/g)].map((match) => match[1] ?? ""));
    expect(named.length).toBeGreaterThan(40);
    expect(named.filter((flag) => !known.has(flag))).toEqual([]);
  });

  it("has every setting, and no other", () => {
    const known = new Set([program, ...commands].flatMap(({ variables }) => variables));
    const named = [...section("Settings").matchAll(/^\| `(SES_MAIL_\w+)`/gm)].map((match) => match[1] ?? "");
    expect(named.toSorted()).toEqual([...known].toSorted());
  });

  it("points to files that exist, and to headings of its own", () => {
    const headings = new Set(
      [...README.matchAll(/^#{2,3} (.+)$/gm)].map(([, text = ""]) =>
        text
          .toLowerCase()
          .replace(/[^\p{L}\p{N} -]/gu, "")
          .replaceAll(" ", "-"),
      ),
    );
    const links = [...README.matchAll(/\]\((#?[^)]+)\)/g)].map(([, target = ""]) => target);
    const files = [...README.matchAll(/`((?:test|docs|examples|\.ci)\/[\w./-]+)`/g)].map(([, path = ""]) => path);
    const local = links.filter((link) => !link.startsWith("#") && !link.startsWith("https://"));
    expect([...local, ...files].filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
    expect(links.filter((link) => link.startsWith("#") && !headings.has(link.slice(1)))).toEqual([]);
  });

  it("and docs/architecture.md name source files that exist", () => {
    const text = README + readFileSync(join(ROOT, "docs/architecture.md"), "utf8");
    const paths = [...text.matchAll(/`((?:src\/)?(?:[a-z]+\/)?[a-z-]+\.ts)`/g)].map(([, path = ""]) => path);
    expect(paths.length).toBeGreaterThan(30);
    const exists = (path: string) => ["", "src"].some((folder) => existsSync(join(ROOT, folder, path)));
    expect(paths.filter((path) => !exists(path))).toEqual([]);
  });

  it("names benchmarks that exist", () => {
    const names = [...README.matchAll(/npm run bench -- ([\w-]+)/g)].map(([, name = ""]) => name);
    expect(names.filter((name) => !existsSync(join(ROOT, "bench", `${name}.js`)))).toEqual([]);
  });
});

describe("the tour", () => {
  /** Blocks marked in README, one after the other in one shell, as a reader would type them. Exit 1 (in doubt) is no failure. */
  const blocks = [...README.matchAll(/<!-- runs -->\n```sh\n([\s\S]*?)```/g)].map(([, text = ""]) => text);
  const TRAP = `trap 'code=$?; if [ $code -ne 1 ]; then echo "exit $code: $BASH_COMMAND" >&2; exit $code; fi' ERR\n`;

  it("ends with everybody written to once", { timeout: 180_000 }, async () => {
    expect(blocks.length).toBeGreaterThan(4);
    const folder = await workFolder();
    cpSync(join(ROOT, "examples"), join(folder, "examples"), { recursive: true });
    mkdirSync(join(folder, "bin"));
    symlinkSync(join(ROOT, "bin/ses-mail.js"), join(folder, "bin/ses-mail"));
    const script = (TRAP + blocks.join("\n")).replaceAll("8025", String(await freePort()));

    const { code, output } = await bash(folder, script);
    expect({ code, output }).toMatchObject({ code: 0 });

    const { topics } = (await run(folder, ["topics", "--json"])).json;
    expect(topics).toMatchObject([
      { topic: "newsletter-december", total: 12, sent: 12 },
      { topic: "announcement", total: 5, pending: 5, cancelled_at: null },
      { topic: "crash", total: 300, sent: 300, in_doubt: 0 },
    ]);
    const mails = readdirSync(join(folder, "ses-mail-outbox", "newsletter-december"));
    expect(mails.filter((name) => name.endsWith(".eml"))).toHaveLength(12);
    expect(readdirSync(join(folder, "crash-outbox"))).toHaveLength(300);
    expect(readFileSync(join(folder, "result.csv"), "utf8").trim().split("\n")).toHaveLength(13);
  });
});

function bash(folder: string, script: string): Promise<{ code: number | null; output: string }> {
  const env = cleanEnv(folder);
  // A group of its own, so that what the tour leaves running ends with it.
  const child = spawn("bash", ["-c", script], {
    cwd: folder,
    detached: true,
    env: { ...env, PATH: `${folder}/bin:${env["PATH"]}` },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code) => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      } catch {
        // Nothing was left running.
      }
      resolve({ code, output });
    });
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}
