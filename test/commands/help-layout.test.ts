/** The help in windows of any width. */
import { Command } from "commander";
import { expect, it } from "vitest";
import { formatItem, wrappedText } from "../../src/commands/help-layout.ts";

/** The help of a command in a window of so many columns. */
function helpIn(columns: number): string[] {
  const command = new Command("work")
    .configureHelp({ formatItem })
    .configureOutput({ getOutHelpWidth: () => columns })
    .option("--inlet-max-pending <n>", "take mail in from brokers only while fewer messages than this are pending")
    .option("--nats <url>", "take mail in from this NATS server");
  return command.helpInformation().split("\n");
}

it("has descriptions beside their terms where there is room", () => {
  expect(helpIn(80)).toContain("  --nats <url>             take mail in from this NATS server");
});

it.each([24, 30, 40, 50])("breaks lines between words only, in %i columns", (columns) => {
  const lines = helpIn(columns);
  expect(lines.filter((line) => line.length > columns)).toEqual(columns === 24 ? ["  --inlet-max-pending <n>"] : []);
  const words = lines.join(" ").replaceAll(/\s+/g, " ");
  expect(words).toContain("take mail in from brokers only while fewer messages than this are pending");
  expect(lines[lines.indexOf("  --nats <url>") + 1]).toMatch(/^ {6}take mail in/);
});

it("wraps what stands behind it below its own beginning, and leaves command lines whole", () => {
  const text = wrappedText(
    "Exit codes:\n  70   a bug, which is never the fault of who called\n  ses-mail send june.csv --rate 50 --wait",
  );
  const command = new Command("work").configureOutput({ getOutHelpWidth: () => 40, getErrHelpWidth: () => 32 });
  expect(text({ command, error: false })).toBe(
    "Exit codes:\n  70   a bug, which is never the fault\n       of who called\n  ses-mail send june.csv --rate 50 --wait",
  );
  expect(text({ command, error: true })).toContain("  70   a bug, which is never the\n       fault of who called\n");
});
