/**
 * Starts the reports to Sentry and OpenTelemetry, each only when its variable is set. Otherwise its packages are not
 * loaded and need not be installed.
 */
import { startOpenTelemetry } from "./open-telemetry.ts";
import { startSentry } from "./sentry.ts";
import type { Env, Telemetry, TelemetryHooks } from "./telemetry.ts";

/**
 * Starts what the environment asks for, or nothing. Sentry: SENTRY_DSN (with SENTRY_TRACES_SAMPLE_RATE,
 * SENTRY_ENVIRONMENT, SENTRY_RELEASE). OpenTelemetry: OTEL_EXPORTER_OTLP_ENDPOINT or
 * OTEL_EXPORTER_OTLP_METRICS_ENDPOINT.
 * @throws UserError when a package is not installed, or a variable cannot be read.
 */
export async function startTelemetry(env: Env, hooks: TelemetryHooks): Promise<Telemetry> {
  const started = [await startSentry(env, hooks), await startOpenTelemetry(env, hooks)];
  const parts = started.filter((part) => part !== null);
  return {
    captureError: (error, facts) => parts.forEach((part) => part.captureError?.(error, facts)),
    request: (facts) => parts.forEach((part) => part.request?.(facts)),
    observe: (snapshot) => parts.forEach((part) => part.observe?.(snapshot)),
    close: async () => void (await Promise.all(parts.map((part) => part.close()))),
  };
}
