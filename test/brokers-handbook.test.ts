/** docs/brokers.md says what is: its five commands for each broker are pasted into a real terminal, in front of real servers. */
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { freePort } from "./support/free-port.ts";
import { type Shell, startShell } from "./support/pasting-shell.ts";
import { cleanEnv, workFolder } from "./support/run.ts";
import { placed } from "./support/place.ts";
import { requireServers } from "./support/servers.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const PAGE = readFileSync(join(ROOT, "docs/brokers.md"), "utf8");

/** `nats pub <subject> --force-stdin`, for machines without the command line of NATS: the protocol is text. */
const NATS = `#!${process.execPath}
import { readFileSync } from "node:fs";
import { connect } from "node:net";
const [command, subject, flag, ...others] = process.argv.slice(2);
if (command !== "pub" || flag !== "--force-stdin" || others.length > 0) throw new Error("expected nats pub <subject> --force-stdin");
const body = readFileSync(0);
const socket = connect(4222, "127.0.0.1");
socket.write('CONNECT {"verbose":false}\\r\\n');
socket.write(\`PUB \${subject} \${body.length}\\r\\n\`);
socket.write(body);
socket.write("\\r\\nPING\\r\\n");
socket.on("data", (text) => {
  if (text.includes("PONG")) socket.end();
});
`;

/** The commands of the page behind this mark, each a line. */
function commandsOf(mark: string): string[] {
  const [, text = ""] = new RegExp(`<!-- ${mark} -->\\n\`\`\`sh\\n([\\s\\S]*?)\`\`\``).exec(PAGE) ?? [];
  const lines = text.trim().split("\n");
  expect(lines.length).toBeOneOf([4, 5]);
  return lines;
}

/** A terminal in which the broker of the page has a port of its own. */
interface Pasting {
  folder: string;
  shell: Shell;
  /** Pastes a command of the page; resolves to what it printed. */
  paste(command: string): Promise<string>;
}

async function startPasting(usualPort: string, end: string): Promise<Pasting> {
  const folder = await workFolder();
  const port = String(await freePort());
  const here = (text: string) => text.replaceAll(usualPort, port);
  mkdirSync(join(folder, "bin"));
  symlinkSync(join(ROOT, "bin/ses-mail.js"), join(folder, "bin/ses-mail"));
  writeFileSync(join(folder, "bin/nats"), here(NATS), { mode: 0o755 });
  const { env } = placed(folder, { args: [], env: cleanEnv(folder) });
  const shell = startShell(folder, { ...env, PATH: `${folder}/bin:${env["PATH"]}:/usr/sbin` });
  onTestFinished(async () => {
    await shell.paste(here(end));
    shell.close();
  });
  const paste = async (command: string): Promise<string> => {
    const before = shell.output().length;
    const code = await shell.paste(here(command));
    const printed = shell.output().slice(before);
    expect({ command, code, printed }).toMatchObject({ code: 0 });
    return printed;
  };
  return { folder, shell, paste };
}

const mailsIn = (folder: string): string[] =>
  readdirSync(join(folder, "ses-mail-outbox"), { recursive: true })
    .map(String)
    .filter((name) => name.endsWith(".eml"));

/** What a person does who sees nothing yet: asks again. */
const again = { timeout: 40_000, interval: 500 };

describe.skipIf(requireServers("nats"))("NATS in five commands", () => {
  test("ends with a mail that arrived, and a second publish adds none", { timeout: 120_000 }, async () => {
    const [server = "", work = "", publish = "", trace = ""] = commandsOf("runs with nats");
    const { folder, shell, paste } = await startPasting("4222", "kill %2 %1; wait");
    await paste(server);
    await paste(work);
    await expect.poll(() => shell.output(), again).toContain("made the stream messages");
    await paste(publish);
    await expect.poll(() => paste(trace).catch(String), again).toMatch(/\bsent\s+ann@example\.com/);
    expect(mailsIn(folder)).toEqual([expect.stringContaining("ann@example.com")]);
    const [mail = ""] = mailsIn(folder);
    expect(readFileSync(join(folder, "ses-mail-outbox", mail), "utf8")).toContain("<p>Hello Ann</p>");
    await paste(publish);
    // The end lets what came be taken in.
    await paste("sleep 1; kill %2; wait %2");
    expect(mailsIn(folder)).toHaveLength(1);
  });
});

describe.skipIf(requireServers("redis"))("Redis in five commands", () => {
  test("ends with a mail that arrived, and its status", { timeout: 120_000 }, async () => {
    const [server = "", work = "", template = "", add = "", status = ""] = commandsOf("runs with redis");
    const { folder, shell, paste } = await startPasting("6379", "kill %1; redis-cli -p 6379 shutdown nosave; wait");
    await paste(server);
    await paste(work);
    await expect.poll(() => shell.output(), again).toContain("working on");
    await paste(template);
    await paste(add);
    await expect.poll(() => paste(status), again).toMatch(/^"?sent"?\s*$/m);
    const [mail = ""] = mailsIn(folder);
    expect(readFileSync(join(folder, "ses-mail-outbox", mail), "utf8")).toContain("Hello Ann");
  });
});
