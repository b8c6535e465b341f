/** Sends metrics over OTLP/HTTP, in binary protobuf: every collector has to take that. */
import type { MeterProvider } from "@opentelemetry/sdk-metrics";
import { UserError } from "../errors.ts";
import { CLOSE_MS, codeOf, faultTeller, installed } from "./receiver.ts";
import type { Env, Part, Snapshot, TelemetryHooks } from "./telemetry.ts";

type Meter = ReturnType<MeterProvider["getMeter"]>;

const PACKAGES = [
  "@opentelemetry/sdk-metrics@2",
  "@opentelemetry/resources@2",
  "@opentelemetry/exporter-metrics-otlp-proto@0.223",
];
const EXPORT_INTERVAL_MS = "60000";
/** Bounds of the histogram's buckets, in seconds: https://opentelemetry.io/docs/specs/semconv/http/http-metrics/ */
const DURATION_BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/**
 * Starts to report to the collector named in the environment; null when none is named. It exports every minute, or
 * every OTEL_METRIC_EXPORT_INTERVAL (milliseconds).
 * @throws UserError when a variable cannot be read, or the packages are not installed.
 */
export async function startOpenTelemetry(env: Env, hooks: TelemetryHooks): Promise<Part | null> {
  const asked = ["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"].find((name) =>
    env[name]?.trim(),
  );
  if (asked === undefined) return null;
  checkProtocol(env);
  const url = readEndpoint(asked, env[asked] ?? "");
  const intervalMs = readInterval(env["OTEL_METRIC_EXPORT_INTERVAL"]?.trim() || EXPORT_INTERVAL_MS);
  const { MeterProvider, PeriodicExportingMetricReader, resourceFromAttributes, OTLPMetricExporter } = await installed(
    asked,
    PACKAGES,
    loadSdk,
  );

  const exporter = new OTLPMetricExporter({ url });
  const tell = faultTeller("the OpenTelemetry collector", hooks.onNotice);
  const send = exporter.export.bind(exporter);
  exporter.export = (metrics, done) =>
    send(metrics, (result) => {
      tell(result.error ? codeOf(result.error) : null);
      done(result);
    });
  const provider = new MeterProvider({
    resource: resourceFromAttributes(resourceOf(env, hooks.version)),
    readers: [new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: intervalMs })],
  });
  const meter = provider.getMeter("ses-mail", hooks.version);

  let latest: Snapshot | null = null;
  registerInstruments(meter, () => latest);
  const duration = meter.createHistogram("http.server.request.duration", {
    description: "from request to answer",
    unit: "s",
    advice: { explicitBucketBoundaries: DURATION_BOUNDS },
  });

  return {
    observe: (snapshot) => void (latest = snapshot),
    request: ({ method, route, status, durationMs }) =>
      duration.record(durationMs / 1000, {
        "http.request.method": method,
        "http.response.status_code": status,
        ...(route !== null && { "http.route": route }),
      }),
    // The exporter already reported a failure. What is left when the time is over is lost with the process.
    close: () => provider.shutdown({ timeoutMillis: CLOSE_MS }).catch(() => undefined),
  };
}

/** Registers the metrics that each export reads from the latest snapshot. Before the first one they have no value. */
function registerInstruments(meter: Meter, latest: () => Snapshot | null): void {
  const watch = (instrument: ReturnType<Meter["createObservableCounter"]>, read: (snapshot: Snapshot) => number) =>
    instrument.addCallback((result) => {
      const snapshot = latest();
      if (snapshot !== null) result.observe(read(snapshot));
    });
  const counter = (name: string, description: string, unit = "{message}") =>
    meter.createObservableCounter(name, { description, unit });
  const gauge = (name: string, description: string, unit: string) =>
    meter.createObservableGauge(name, { description, unit });
  watch(counter("ses_mail.messages.sent", "accepted by SES"), ({ sender }) => sender.run.sent);
  watch(
    counter("ses_mail.messages.handed_over", "taken by a broker, for others to send"),
    ({ sender }) => sender.run.handedOver,
  );
  watch(counter("ses_mail.messages.failed", "refused for good, or out of attempts"), ({ sender }) => sender.run.failed);
  watch(counter("ses_mail.messages.expired", "cancelled because they expired"), ({ sender }) => sender.run.expired);
  watch(
    counter("ses_mail.messages.in_doubt", "handed to SES, and the answer was lost"),
    ({ sender }) => sender.run.inDoubt,
  );
  watch(
    counter("ses_mail.messages.retried", "tried again after a passing failure"),
    ({ sender }) => sender.run.retried,
  );
  watch(
    counter("ses_mail.calls.throttled", "calls SES refused as too fast", "{call}"),
    ({ sender }) => sender.run.throttled,
  );
  watch(gauge("ses_mail.messages.pending", "waiting, of all topics", "{message}"), ({ pending }) => pending);
  watch(gauge("ses_mail.rate", "recipients per second in force", "{recipient}/s"), ({ sender }) => sender.perSecond);
  watch(gauge("ses_mail.halted", "1 while something has to be mended", "1"), ({ sender }) =>
    sender.state === "halted" ? 1 : 0,
  );
}

async function loadSdk() {
  const [sdk, resources, exporter] = await Promise.all([
    import("@opentelemetry/sdk-metrics"),
    import("@opentelemetry/resources"),
    import("@opentelemetry/exporter-metrics-otlp-proto"),
  ]);
  return { ...sdk, ...resources, ...exporter };
}

function checkProtocol(env: Env): void {
  const variable = ["OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"].find((name) =>
    env[name]?.trim(),
  );
  const protocol = variable === undefined ? "http/protobuf" : env[variable]?.trim();
  if (protocol === "http/protobuf") return;
  throw new UserError(
    `${variable} expects http/protobuf, got ${JSON.stringify(protocol)}`,
    "the collector's HTTP port is 4318 (4317 is gRPC)",
  );
}

/**
 * The general variable gets `/v1/metrics` added, the one for metrics is taken as it is:
 * https://opentelemetry.io/docs/specs/otel/protocol/exporter/
 */
function readEndpoint(variable: string, text: string): string {
  const endpoint = text.trim();
  if (!URL.canParse(endpoint) || !/^https?:$/.test(new URL(endpoint).protocol)) {
    throw new UserError(`${variable} expects a URL such as http://127.0.0.1:4318, got something else`);
  }
  return variable === "OTEL_EXPORTER_OTLP_ENDPOINT" ? `${endpoint.replace(/\/+$/, "")}/v1/metrics` : endpoint;
}

function readInterval(text: string): number {
  const intervalMs = Number(text);
  if (Number.isInteger(intervalMs) && intervalMs >= 1000 && intervalMs <= 86_400_000) return intervalMs;
  throw new UserError(
    `OTEL_METRIC_EXPORT_INTERVAL expects milliseconds from 1000 to 86400000, got ${JSON.stringify(text)}`,
  );
}

/**
 * Reads OTEL_RESOURCE_ATTRIBUTES: `key=value,key=value`, percent-encoded. OTEL_SERVICE_NAME beats a name given there.
 */
function resourceOf(env: Env, version: string): Record<string, string> {
  const pairs = (env["OTEL_RESOURCE_ATTRIBUTES"] ?? "").split(",").map((pair) => pair.split("=", 2));
  const given = pairs.flatMap(([key, value]) => (key?.trim() && value ? [[key.trim(), decode(value.trim())]] : []));
  const name = env["OTEL_SERVICE_NAME"]?.trim();
  return {
    "service.name": "ses-mail",
    "service.version": version,
    ...Object.fromEntries(given),
    ...(name && { "service.name": name }),
  };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
