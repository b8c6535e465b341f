import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    // We know, and support Node 20; the warning would fill the log. The zone is that of the processes that tests start.
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true", TZ: "UTC" },
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
});
