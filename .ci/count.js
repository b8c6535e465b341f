// node .ci/count.js <vitest's JSON report> <exit code of npm test>: prints "passed failed".
import { existsSync, readFileSync } from "node:fs";
import process from "node:process";

const [file, status] = process.argv.slice(2);
const report = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : { numPassedTests: 0, testResults: [] };
// A file that cannot even be loaded has no tests to fail.
const broken = report.testResults.filter((one) => one.status === "failed" && one.assertionResults.length === 0).length;
const failed = (report.numFailedTests ?? 0) + broken;
// Whatever else went wrong (an unhandled rejection, a crash) is one failure, too.
console.log(report.numPassedTests, failed === 0 && status !== "0" ? 1 : failed);
