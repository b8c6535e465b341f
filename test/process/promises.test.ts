/** The promises of the product, and where each is proved: a test that is gone shows here. */
import { readdirSync, readFileSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { writeCampaign } from "../support/campaign.ts";
import { runProcess, workFolder } from "../support/run.ts";
import { sesServer } from "../support/ses-server.ts";

const TESTS = new URL("..", import.meta.url).pathname;

/** The titles of all tests but these. */
function titles(): string[] {
  const files = readdirSync(TESTS, { recursive: true, encoding: "utf8" });
  return files
    .filter((file) => /\.test\.ts$|\/(?:contract|properties)\/.*\.ts$/.test(file) && !file.endsWith("promises.test.ts"))
    .flatMap((file) => [
      ...readFileSync(join(TESTS, file), "utf8").matchAll(/^\s*(?:\)\()?(?:(?:it|describe)\b.*)?["`](.*)["`],/gm),
    ])
    .map((match) => match[1] ?? "");
}

describe("has a test named after it", () => {
  it.each([
    ["promise 1: the rate", /promise 1, R1 G1 N9/],
    ["promise 2: nobody twice, nobody lost", /promise 2, R3–R7 G2–G5 N1–N5 P5–P7/],
    ["promise 3: errors steer", /promise 3/],
    ["promise 4: every message carries the tags", /promise 4/],
    ["a time that cannot be is never now", /R2 G7 P1/],
    ["cancel works on everything not yet handed over", /R14 G10 P11/],
    ["suppressed addresses are not written to", /R13/],
    ["error classes drive behaviour", /R8 R9 G4 N2/],
    ["validated before any row is written", /G6 P1 P4/],
  ])("%s", (_name, pattern) => {
    expect(titles().filter((title) => pattern.test(title))).not.toEqual([]);
  });
});

it("G11 P8 P9: no secret in any output, nor in any file that is written", async () => {
  const folder = await workFolder();
  const secrets = { AWS_SECRET_ACCESS_KEY: "SECRETKEY0123456789", AWS_SESSION_TOKEN: "SESSIONTOKEN9876543210" };
  const file = await writeCampaign(folder, 30);
  await mkdir(join(folder, "out"));
  await writeFile(join(folder, ".env"), "AWS_EXTRA_SECRET=DOTENVSECRET5555\n");
  const faults = ["5xx:first=2", "reject:every=7", "accept-then-drop:every=9", "expired:after=20"];
  const server = await sesServer(join(folder, "out"), { faults });
  const outputs: string[] = [];
  for (const args of [
    ["send", file, "--rate", "100", "--verbose"],
    ["send", file, "--verbose", "--json"],
    ["export", "june"],
    ["stats"],
  ]) {
    const { stdout, stderr } = await runProcess(folder, args, { env: { ...secrets, ...server.env } });
    outputs.push(stdout, stderr);
  }
  expect(outputs.join("")).toContain("expired");
  const written = readdirSync(folder).filter((name) => name.startsWith("ses-mail.db"));
  expect(written).not.toEqual([]);
  for (const name of written) outputs.push(await readFile(join(folder, name), "latin1"));
  for (const secret of [...Object.values(secrets), "DOTENVSECRET5555", "AKIDEXAMPLE"]) {
    expect(outputs.some((output) => output.includes(secret))).toBe(false);
  }
});
