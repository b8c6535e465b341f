/**
 * Who may import whom in src/. The lint rule `house/imports` (scripts/oxlint-house.js) refuses every import that this
 * table does not allow: of a file or of a library, static or dynamic, of values or of types.
 *
 * A place is a file ("io.ts"), a folder with all that is in it ("compose"), or only the files that lie directly in a
 * folder ("store/*"). A file belongs to the most exact place that it fits. One that fits none is an error.
 */

/** What every room may import. */
const GROUND = [
  "errors.ts",
  "machine.ts",
  "message.ts",
  "nearest.ts",
  "counted.ts",
  "json.ts",
  "printable.ts",
  "shell.ts",
  "read-file.ts",
  "temporary.ts",
  "time",
];

/** Everything below serve, report and check. */
const MACHINE = ["tracking", "compose", "feedback", "deliver", "aws", "queue", "store/rules", "store/*", "intake"];

/**
 * Each place, and the other places it may import. A row may name only places of rows above it, so rooms cannot form a
 * cycle.
 *
 * @type {Record<string, string[]>}
 */
export const PLACES = {
  "errors.ts": [],
  "machine.ts": [],
  "temporary.ts": ["machine.ts"],
  "message.ts": [],
  "nearest.ts": [],
  "counted.ts": [],
  "json.ts": [],
  "printable.ts": [],
  "shell.ts": [],
  "memory.ts": [],
  time: ["errors.ts", "nearest.ts"],
  "file-hints.ts": ["nearest.ts"],
  "read-file.ts": ["errors.ts", "file-hints.ts"],
  "dotenv.ts": ["errors.ts"],
  "io.ts": ["time"],

  html: [],
  tracking: [...GROUND, "html"],
  compose: [...GROUND, "html", "tracking"],
  // A queue hands out messages. It knows no store.
  queue: GROUND,
  feedback: [...GROUND, "queue"],
  deliver: [...GROUND, "io.ts", "tracking", "compose"],
  aws: [...GROUND, "deliver", "queue"],

  "store/rules": [...GROUND, "feedback", "deliver"],
  "store/*": [...GROUND, "feedback", "deliver", "store/rules"],
  // A database knows nothing of another one. What they share is in store/rules.
  "store/sqlite": [...GROUND, "feedback", "deliver", "store/rules", "store/*"],
  "store/postgres": [...GROUND, "feedback", "deliver", "store/rules", "store/*"],
  // The only file that knows every database.
  "store/open.ts": [...GROUND, "store/*", "store/sqlite", "store/postgres"],

  // What a broker brings is read by intake/broker.
  intake: [...GROUND, "compose", "queue", "store/rules", "store/*"],
  sandbox: [...GROUND, "compose"],
  telemetry: [...GROUND, "deliver"],

  report: [...GROUND, "io.ts", "compose", "store/rules", "store/*"],
  check: [...GROUND, "compose", "aws", "store/*"],
  // This runs in the browser. It imports only types.
  "serve/dashboard": ["message.ts", "store/rules"],
  serve: [...GROUND, ...MACHINE, "telemetry", "report", "serve/dashboard"],

  terminal: [...GROUND, "io.ts"],
  work: [
    ...GROUND,
    "io.ts",
    "memory.ts",
    ...MACHINE,
    "store/open.ts",
    "sandbox",
    "telemetry",
    "report",
    "check",
    "serve",
    "terminal",
  ],
  // From the rooms below work/ they learn what a flag may be: states, scopes, faults, lines of a breakdown.
  commands: [...GROUND, "io.ts", "store/rules", "store/*", "report", "sandbox", "work"],
  "cli.ts": [...GROUND, "io.ts", "dotenv.ts", "terminal", "work", "commands"],
  // bin/ runs what dist/ was built from.
  "../bin": ["time", "cli.ts"],
};

/**
 * Each library, and the files or folders that may import it. Nobody may import a library without a row. Of Node's own
 * modules only those named below are kept to some places.
 *
 * @type {Record<string, string[]>}
 */
export const LIBRARIES = {
  "@aws-sdk/client-sesv2": ["aws"],
  "@aws-sdk/signature-v4a": ["aws"],
  "@aws-sdk/client-sqs": ["aws"],
  "@fastify/cookie": ["serve"],
  "@fastify/helmet": ["serve"],
  "@fastify/rate-limit": ["serve"],
  "@fastify/swagger": ["serve"],
  "@fastify/swagger-ui": ["serve"],
  "@msgpack/msgpack": ["queue/nats"],
  "@nats-io/jetstream": ["queue/nats"],
  "@nats-io/transport-node": ["queue/nats"],
  "@opentelemetry/exporter-metrics-otlp-proto": ["telemetry"],
  "@opentelemetry/resources": ["telemetry"],
  "@opentelemetry/sdk-metrics": ["telemetry"],
  "@sentry/core": ["telemetry"],
  ajv: ["intake", "serve"],
  "better-sqlite3": ["store/sqlite/driver.ts"],
  "better-sqlite3-13": ["store/sqlite/driver.ts"],
  chalk: ["terminal"],
  "cli-progress": ["terminal"],
  commander: ["commands"],
  "css-tree": ["compose/css"],
  "csv-parse": ["compose/list/recipients.ts"],
  fastify: ["serve", "work/gateway", "work/brokers"],
  htmlparser2: ["check", "compose/css", "html"],
  "iconv-lite": ["compose/list/decode.ts"],
  liquidjs: ["compose/liquid"],
  ioredis: ["queue/redis"],
  "lru-cache": ["compose", "deliver", "intake", "serve", "tracking"],
  luxon: ["compose/liquid", "report", "time"],
  marked: ["compose/mail/markdown.ts"],
  nodemailer: ["sandbox"],
  "p-limit": ["store/postgres"],
  parse5: ["compose/css"],
  pg: ["store/postgres"],
  "pg-connection-string": ["store/postgres/address.ts"],
  "pg-copy-streams": ["store/postgres"],
  pino: ["serve"],
  "prom-client": ["serve"],
  "string-width": ["terminal"],
  undici: ["aws/connections.ts", "aws/http-handler.ts", "aws/undici.d.ts"],
  yaml: ["compose/content/yaml-settings.ts"],

  "node:child_process": ["work/show-mail.ts"],
  "node:dns": ["check/dns.ts"],
  // createRequire() would import past this table.
  "node:module": ["../bin"],
  // Only bin/ touches the process. The rest is given an Io.
  "node:process": [
    "../bin",
    "store/sqlite/driver.ts",
    "machine.ts",
    "temporary.ts",
    "store/sqlite/processes.ts",
    "store/postgres/statements.ts",
    "store/postgres/handle.ts",
    "store/postgres/processes.ts",
    "store/postgres/staged-tables.ts",
    "time/clock.ts",
  ],
  // They run code that no import names.
  "node:vm": [],
  "node:worker_threads": [],
  // Node 20 does not have it. store/sqlite/driver.ts says what is used instead.
  "node:sqlite": [],
};
