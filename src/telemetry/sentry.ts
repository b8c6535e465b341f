/**
 * Reports errors, and a sample of request times, to Sentry. It uses `@sentry/core` alone, which has the client, its
 * queue and its rate limits. The larger SDKs also hook into the process and gather requests, console output and local
 * variables.
 */
import type * as Core from "@sentry/core";
import type * as Server from "@sentry/core/server";
import { UserError } from "../errors.ts";
import { CLOSE_MS, codeOf, faultTeller, installed } from "./receiver.ts";
import type { Env, ErrorFacts, Part, RequestFacts, TelemetryHooks } from "./telemetry.ts";
import { scrubber } from "./scrub.ts";

/** Checked here, because the SDK only prints a warning about a wrong DSN and reports nothing. */
const DSN = /^https?:\/\/\w+(?::\w+)?@(?:\[[:.%\w]+\]|[\w.-]+)(?::\d{1,5})?\/(?:[\w.-]+\/)*\d+$/;
/** The default of the programs that ses-mail replaces. */
const TRACES_SAMPLE_RATE = "0.1";
const REQUEST_TIMEOUT_MS = 10_000;

type Sdk = Pick<
  typeof Core,
  | "createStackParser"
  | "createTransport"
  | "generateSpanId"
  | "generateTraceId"
  | "getSpanStatusFromHttpCode"
  | "timestampInSeconds"
> &
  Pick<typeof Server, "nodeStackLineParser" | "ServerRuntimeClient">;

/**
 * Starts to report to the project named by SENTRY_DSN; null when it is not set.
 * @throws UserError when a variable cannot be read, or the package is not installed.
 */
export async function startSentry(env: Env, hooks: TelemetryHooks): Promise<Part | null> {
  const dsn = env["SENTRY_DSN"]?.trim();
  if (!dsn) return null;
  if (!DSN.test(dsn)) {
    throw new UserError(
      "SENTRY_DSN expects https://<key>@<host>/<project>, got something else",
      "Sentry shows it under Client Keys (DSN)",
    );
  }
  const sampleRate = readSampleRate(env["SENTRY_TRACES_SAMPLE_RATE"]?.trim() || TRACES_SAMPLE_RATE);
  const sdk = await installed("SENTRY_DSN", ["@sentry/core@11"], loadSdk);
  const client = createClient(sdk, dsn, env, hooks);
  const scrub = scrubber(env);
  return {
    captureError: (error, facts) => void client.captureEvent(errorEvent(client, scrub, error, facts)),
    request: (facts) => {
      if (facts.route !== null && Math.random() < sampleRate) client.captureEvent(requestEvent(sdk, facts));
    },
    close: async () => void (await client.close(CLOSE_MS)),
  };
}

async function loadSdk(): Promise<Sdk> {
  const [core, server] = await Promise.all([import("@sentry/core"), import("@sentry/core/server")]);
  return { ...core, ...server };
}

function readSampleRate(text: string): number {
  const rate = Number(text);
  if (rate >= 0 && rate <= 1) return rate;
  throw new UserError(`SENTRY_TRACES_SAMPLE_RATE expects a number from 0 to 1, got ${JSON.stringify(text)}`);
}

function createClient(sdk: Sdk, dsn: string, env: Env, hooks: TelemetryHooks): Server.ServerRuntimeClient {
  return new sdk.ServerRuntimeClient({
    dsn,
    environment: env["SENTRY_ENVIRONMENT"] || "production",
    release: env["SENTRY_RELEASE"] || `ses-mail@${hooks.version}`,
    platform: "node",
    stackParser: sdk.createStackParser(sdk.nodeStackLineParser()),
    integrations: [],
    // The other setting would add an integration.
    traceLifecycle: "static",
    sendClientReports: false,
    transport: (options) => createTransport(sdk, options, faultTeller("Sentry", hooks.onNotice)),
  });
}

function createTransport(
  sdk: Sdk,
  options: Core.BaseTransportOptions,
  tell: (problem: string | null) => void,
): Core.Transport {
  return sdk.createTransport(options, async ({ body }) => {
    try {
      const response = await fetch(options.url, {
        method: "POST",
        headers: options.headers ?? {},
        body: body as string,
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      });
      await response.body?.cancel();
      tell(response.ok ? null : `HTTP ${response.status}`);
      const header = (name: string) => response.headers.get(name);
      return {
        statusCode: response.status,
        headers: { "x-sentry-rate-limits": header("x-sentry-rate-limits"), "retry-after": header("retry-after") },
      };
    } catch (error) {
      tell(codeOf(error));
      throw error;
    }
  });
}

/** Only what is named here leaves the machine: texts are scrubbed, and other properties of the error stay here. */
function errorEvent(
  client: Server.ServerRuntimeClient,
  scrub: (text: string) => string,
  error: unknown,
  facts: ErrorFacts,
): Core.Event {
  const { name, message, code, stack } = partsOf(error);
  return {
    level: facts.crash ? "fatal" : "error",
    exception: {
      values: [
        {
          type: scrub(name),
          value: scrub(message),
          mechanism: { type: facts.crash ? "crash" : "request", handled: !facts.crash },
          stacktrace: { frames: client.getOptions().stackParser(stack) },
        },
      ],
    },
    ...(facts.route && { transaction: titleOf(facts) }),
    tags: {
      ...(facts.method && { method: facts.method }),
      ...(facts.route && { route: facts.route }),
      ...(facts.status !== undefined && { status: facts.status }),
      ...(code !== null && { code }),
    },
  };
}

function partsOf(error: unknown): { name: string; message: string; code: string | null; stack: string } {
  if (!(error instanceof Error))
    return { name: "Thrown", message: `${typeof error}, not an Error`, code: null, stack: "" };
  const { name, message, stack = "" } = error;
  const code = "code" in error && /^[A-Z][A-Z0-9_]{1,60}$/.test(String(error.code)) ? String(error.code) : null;
  // A stack begins with the message. Its lines must not be read as frames.
  return { name, message, code, stack: stack.slice(Math.max(0, stack.indexOf(message) + message.length)) };
}

function requestEvent(sdk: Sdk, facts: RequestFacts): Core.Event {
  const timestamp = sdk.timestampInSeconds();
  return {
    type: "transaction",
    transaction: titleOf(facts),
    transaction_info: { source: "route" },
    start_timestamp: timestamp - facts.durationMs / 1000,
    timestamp,
    spans: [],
    contexts: {
      trace: {
        trace_id: sdk.generateTraceId(),
        span_id: sdk.generateSpanId(),
        op: "http.server",
        status: sdk.getSpanStatusFromHttpCode(facts.status).message ?? "ok",
        data: { "http.response.status_code": facts.status },
      },
    },
  };
}

function titleOf({ method, route }: Pick<ErrorFacts, "method" | "route">): string {
  return `${method ?? ""} ${route ?? ""}`.trim();
}
