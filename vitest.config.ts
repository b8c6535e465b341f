import { defineConfig } from "vitest/config";
import { EXCLUDED, ON_SERVER } from "./test/support/on-server/left-out.ts";
import { serversAreRequired, whyNoServers } from "./test/support/servers.ts";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** What takes longest, longest first: begun last, it would keep one worker busy while the others have nothing left to do. */
const LONG = [
  "compose/css/random",
  "cli.test",
  "serve/dashboard.test",
  "process/postgres/",
  "process/disk",
  "process/inlet-",
  "process/kill",
  "process/two-processes",
  "report/browser",
  "process/serve-kill",
  "queue/nats",
  "queue/sqs",
  "queue/redis",
  "store/sqlite/",
  "store/postgres/",
  "readme",
  "api-handbook",
  "compose/sample-templates",
  "process/",
  "serve/dashboard-views",
  "compose/css/",
  "compose/mail/shape",
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const at = LONG.findIndex((name) => moduleId.includes(`/test/${name}`));
      return at < 0 ? LONG.length : at;
    };
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}

/**
 * Rooms whose modules keep nothing from one test file to the next: their files share a process, which loads those modules
 * once. Everything else has a process for each file.
 */
const SHARING = [
  "test/compose/{address,content,liquid,list,mail}/**/*.test.ts",
  "test/{check,feedback,terminal,time,tracking}/**/*.test.ts",
];

/** Tests of commands and processes once more, with their jobs on a PostgreSQL server. */
const onServer = {
  extends: true as const,
  test: {
    name: "on a server",
    include: ON_SERVER,
    exclude: EXCLUDED,
    setupFiles: ["test/support/on-server/setup.ts"],
    // Each commit is a round trip to another process, which is busy with the tests of others.
    testTimeout: 120_000,
  },
};

export default defineConfig({
  test: {
    // We know, and support Node 20; the warning would fill the log. The zone is that of the processes that tests start.
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true", TZ: "UTC" },
    // Emergency brakes, far above what anything takes on a busy machine. A test that needs more says so itself.
    // Two processes in a row, which may take 15 seconds each to start, are still well below it.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 20_000 } },
    // `run` of test/support/run.ts changes the working directory, which threads cannot.
    pool: "forks",
    // More than our machines have processors (two), because many tests wait for a process, a browser or a rate.
    maxWorkers: 4,
    globalSetup: ["test/support/lender.ts"],
    sequence: { sequencer: LongestFirst },
    projects: [
      { extends: true, test: { name: "sharing", include: SHARING, isolate: false } },
      { extends: true, test: { name: "alone", include: ["test/**/*.test.ts"], exclude: SHARING } },
      ...(serversAreRequired() || whyNoServers(["postgres"]) === null ? [onServer] : []),
    ],
  },
});
