/** Several processes on one database: a real server that keeps what it was told to, real programs, and SES as the sandbox plays it. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import type { SandboxOptions } from "../../src/sandbox/server.ts";
import { STATES } from "../../src/message.ts";
import { addresses, writeCampaign } from "./campaign.ts";
import { type Postgres, type PostgresOptions, type Row, startPostgres } from "./postgres.ts";
import { type Json, run, type Running, start, until, workFolder } from "./run.ts";
import { type SesServer, sesServer } from "./ses-server.ts";

export interface FleetOptions {
  /** How many people there are in the list june.csv, which is imported. Default 0: there is no list. */
  people?: number;
  ses?: Partial<Pick<SandboxOptions, "latencyMs">> & { faults?: string[] };
  database?: PostgresOptions;
  /** A server that is there already, and the address by which the fleet knows it. */
  on?: { server: Postgres; url: string };
}

export interface Fleet {
  folder: string;
  database: Postgres;
  ses: SesServer;
  /** What a process needs to know, with this address of the database; default: its own. */
  env(url?: string): Record<string, string>;
  /** What a process that is started in another way needs, so that it notes at once when its calls leave. */
  watched(): Record<string, string>;
  /** Starts a process of the fleet. It notes when its calls leave. */
  begin(args: string[], env?: Record<string, string>): Running;
  /** Starts a worker, and waits until it works. */
  work(args: string[], env?: Record<string, string>): Promise<Running>;
  /** The JSON that a command of a person answers. */
  ask(...args: string[]): Promise<Json>;
  /** Rows of a statement, in which `sm.` stands for the schema of the job. */
  rows(sql: string, values?: unknown[]): Promise<Row[]>;
  /** When calls left, monotonic ms, in order. With an argument: those of one process. */
  departures(of?: Running): number[];
}

/** Starts the server of a fleet, and imports its list. */
export async function fleet({
  people = 0,
  ses: options = {},
  database: given = {},
  on,
}: FleetOptions = {}): Promise<Fleet> {
  const folder = await workFolder();
  // Kills and cuts prove nothing when the server itself may forget.
  const database = on?.server ?? (await startPostgres({ fsync: true, ...given }));
  if (on === undefined) onTestFinished(() => database.dispose());
  const ses = await sesServer(folder, { ...options, events: join(folder, "events.ndjson") });
  const env = (url = on?.url ?? database.url) => ({ ...ses.env, SES_MAIL_DB: url });
  const departuresFiles: string[] = [];
  const fileOf = new Map<Running, string>();
  const watching = () => {
    const DEPARTURES_FILE = join(folder, `departures-${departuresFiles.length}`);
    departuresFiles.push(DEPARTURES_FILE);
    return { DEPARTURES_FILE, NODE_OPTIONS: `--import ${new URL("departures.js", import.meta.url).pathname}` };
  };
  const begin = (args: string[], more: Record<string, string> = env()) => {
    const watch = watching();
    const running = start(folder, args, { env: { ...more, ...watch } });
    fileOf.set(running, watch.DEPARTURES_FILE);
    return running;
  };
  const ask = async (...args: string[]) => {
    const answer = await run(folder, [...args, "--json"], { env: env() });
    expect({ args, code: answer.code, stderr: answer.stderr }).toMatchObject({ code: expect.toSatisfy(isAnswer) });
    return answer.json;
  };
  if (people > 0) {
    await writeCampaign(folder, people);
    await ask("import", "june.csv");
  }
  return {
    folder,
    database,
    ses,
    env,
    watched: () => ({ ...watching(), DEPARTURES: "now" }),
    begin,
    async work(args, more) {
      const worker = begin(["work", ...args], more);
      const isReady = () => worker.stderr().includes("working on ");
      await until(() => isReady() || worker.child.exitCode !== null, "the worker to be ready");
      expect({ isReady: isReady(), stderr: worker.stderr() }).toMatchObject({ isReady: true });
      return worker;
    },
    ask,
    rows: (sql, values) => database.query(sql.replace(/\bsm\./g, "ses_mail."), values),
    departures(of) {
      const files = of === undefined ? departuresFiles : [fileOf.get(of) ?? ""];
      const noted = files.filter(existsSync).map((file) => readFileSync(file, "utf8"));
      return (noted.join("").match(/.+/g) ?? []).map(Number).sort((a, b) => a - b);
    },
  };
}

/** 1 is an answer, too: something is in doubt. */
const isAnswer = (code: unknown): boolean => code === 0 || code === 1;

/** Ends workers as people do, and expects that each ends well. */
export async function endWell(workers: readonly Running[]): Promise<void> {
  for (const worker of workers) worker.kill("SIGTERM");
  for (const worker of workers) {
    const { code, signal, stderr } = await worker.finished;
    expect({ code, signal, stderr }).toMatchObject({ code: 0, signal: null });
  }
}

/** Topic june is all sent: each of its people has one mail, and the numbers say so. */
export async function expectAllSent({ ses, ask, rows }: Fleet, people: number): Promise<void> {
  expect(ses.received().toSorted()).toEqual(addresses(people).toSorted());
  const nothingElse = Object.fromEntries(STATES.map((state) => [state, 0]));
  expect(await ask("stats", "june")).toMatchObject({ ...nothingElse, total: people, sent: people });
  await expectSoundCounters({ rows });
}

/** The counters of each topic are what its messages say. */
export async function expectSoundCounters({ rows }: Pick<Fleet, "rows">): Promise<void> {
  const sums = STATES.map((state) => `sum(${state})::int as ${state}`).join(", ");
  const counted = await rows(`select topic_id, ${sums} from sm.topic_count group by topic_id order by topic_id`);
  const counts = STATES.map((state) => `(count(*) filter (where state = '${state}'))::int as ${state}`).join(", ");
  const seen = await rows(`select topic_id, ${counts} from sm.message group by topic_id order by topic_id`);
  expect(counted).toEqual(seen);
}

/** The server had nothing to complain of but what the test did to it: no deadlock, and no statement that cannot be. */
export async function expectNoQuarrel({ database }: Pick<Fleet, "database">): Promise<void> {
  const errors = (await database.log()).match(/(?:ERROR|PANIC): .*/g) ?? [];
  expect(errors.filter((error) => !DONE_TO_IT.test(error))).toEqual([]);
}

// Statements are sent ahead of the answers, so those after one that failed fail, too.
const DONE_TO_IT = /canceling statement due to (?:lock timeout|user request)|current transaction is aborted/;
