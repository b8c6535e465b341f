/** Benchmarks are not compiled, and nobody runs them with each change. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { ROOT } from "./lint.ts";

it.each(readdirSync(join(ROOT, "bench")))("bench/%s imports only what src/ has", (file) => {
  const text = readFileSync(join(ROOT, "bench", file), "utf8");
  const built = [...text.matchAll(/"\.\.\/dist\/([^"]+)\.js"/g)].map(([, path = ""]) => path);
  const missing = built.filter((path) => ![".ts", ".js"].some((end) => existsSync(join(ROOT, "src", path + end))));
  expect(missing).toEqual([]);
});
