/** Which tests of commands and processes the project "on a server" runs a second time, and which it leaves out and why. */

/** All that start the program, or the gateway in the test's own process, and the tour of README. */
export const ON_SERVER = ["test/{commands,process,serve}/**/*.test.ts", "test/readme.test.ts"];

interface LeftOut {
  /** Below test/. */
  file: string;
  /** What the names of the tests left out contain, those of their `describe` included. Not set: the whole file. */
  test?: string;
  reason: string;
}

const ABOUT_FILES = "it is about files, not about what a job holds";
const NO_STORE = "it asks no store";
const SAME_ANSWERS = "it shows what HTTP answers, and those answers are compared on a server elsewhere";

export const LEFT_OUT: readonly LeftOut[] = [
  { file: "commands/backup.test.ts", reason: "a server has pg_dump" },
  { file: "commands/completion.test.ts", reason: NO_STORE },
  { file: "commands/copy.test.ts", reason: "it copies job files; store/copy.test.ts copies to servers and back" },
  { file: "commands/help.test.ts", reason: NO_STORE },
  { file: "commands/preview.test.ts", reason: NO_STORE },
  { file: "commands/sandbox.test.ts", reason: NO_STORE },
  { file: "commands/all.test.ts", reason: NO_STORE },
  { file: "commands/topics.test.ts", reason: "it writes topics into a job file; store/contract/ has the pages" },
  { file: "commands/bad-input.test.ts", test: "a text file, another program's", reason: ABOUT_FILES },
  { file: "commands/bad-input.test.ts", test: "a file that may not be written", reason: ABOUT_FILES },
  { file: "commands/before.test.ts", test: "suggest commands for the job file", reason: "it names job files in --db" },
  { file: "commands/before.test.ts", test: "promise nothing of a paused topic", reason: "it names a job file in --db" },
  { file: "commands/key.test.ts", test: "stands nowhere in the job file", reason: ABOUT_FILES },
  { file: "commands/quiet.test.ts", test: "what people ask for is printed", reason: "it makes a backup" },
  { file: "commands/send.test.ts", test: "makes a job file that is for its owner only", reason: ABOUT_FILES },
  { file: "commands/server-address.test.ts", reason: "it says itself where the job is" },
  { file: "process/codes.test.ts", test: "a code that waits for the cap", reason: "a server's clock does not hurry" },
  { file: "process/brokers-trouble.test.ts", reason: "postgres/inlets.test.ts stops the database under inlets" },
  { file: "process/copy-kill.test.ts", reason: "it names its stores itself, a server among them" },
  { file: "process/disk.test.ts", reason: "it is about the disk of a job file" },
  { file: "process/files.test.ts", reason: ABOUT_FILES },
  { file: "process/inlet-outages.test.ts", reason: "it is about brokers; postgres/inlets.test.ts stops the database" },
  { file: "process/job-file.test.ts", reason: ABOUT_FILES },
  { file: "process/long-list-kill.test.ts", reason: "it looks at parts of a list in a job file; a server has none" },
  {
    file: "process/outages.test.ts",
    reason: "it is about SES that is away; postgres/ has clocks, leases and shared rates",
  },
  { file: "process/output.test.ts", reason: ABOUT_FILES },
  { file: "process/promises.test.ts", reason: "it looks for secrets in the job file" },
  { file: "process/server-away.test.ts", reason: "it says itself where the job is" },
  { file: "process/start.test.ts", reason: "it is about what a job file needs" },
  { file: "readme.test.ts", test: "the documentation", reason: NO_STORE },
  { file: "serve/admin-feed.test.ts", reason: NO_STORE },
  { file: "serve/dashboard-dead.test.ts", reason: SAME_ANSWERS },
  { file: "serve/dashboard-session.test.ts", reason: SAME_ANSWERS },
  { file: "serve/dashboard-views.test.ts", reason: SAME_ANSWERS },
  { file: "serve/dashboard.test.ts", reason: SAME_ANSWERS },
  { file: "serve/limits.test.ts", reason: "what it sends is refused before it reaches a store" },
  { file: "serve/message-answer.test.ts", reason: NO_STORE },
  { file: "serve/messages.test.ts", test: "what version 0.1.0 answered", reason: "version 0.1.0 knew no server" },
  { file: "serve/openapi.test.ts", reason: SAME_ANSWERS },
  { file: "serve/pretty-log.test.ts", reason: NO_STORE },
  { file: "serve/progress.test.ts", reason: NO_STORE },
  { file: "serve/sns-certificates.test.ts", reason: NO_STORE },
  { file: "serve/sns-envelope.test.ts", reason: NO_STORE },
  { file: "serve/unused-connections.test.ts", reason: "it sends nothing that reaches a store" },
];

/** They start servers of their own. */
const OF_SERVERS = "test/process/postgres/**";

/** Patterns of the files that are left out as a whole. */
export const EXCLUDED = [
  OF_SERVERS,
  ...LEFT_OUT.filter(({ test }) => test === undefined).map(({ file }) => `test/${file}`),
];

/** Why a test is left out; null: it is run. `path` is that of its file, `name` its full name. */
export function whyLeftOut(path: string, name: string): string | null {
  const found = LEFT_OUT.find(
    ({ file, test }) => path.endsWith(`/test/${file}`) && test !== undefined && name.includes(test),
  );
  return found?.reason ?? null;
}
