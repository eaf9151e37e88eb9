// What CI runs: lint, types, tests. All of them run, even if one fails. The last line has the numbers.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folder = mkdtempSync(join(tmpdir(), "dataflow-check-"));
const results = join(folder, "jest.json");

const failedSteps = ["lint", "types"].filter((step) => npm("run", "--silent", step) !== 0);
const testStatus = npm("test", "--silent", "--", "--json", `--outputFile=${results}`);
const tests = existsSync(results) ? JSON.parse(readFileSync(results, "utf8")) : {};
rmSync(folder, { recursive: true, force: true });

report(tests);

/** A suite that did not even load and a failed step each count as one failure: "0 failed" must mean that all is well. */
function report({ numPassedTests = 0, numFailedTests = 0, numPendingTests = 0, numRuntimeErrorTestSuites = 0 }) {
  for (const step of failedSteps) console.log(`npm run ${step} failed`);
  const known = numFailedTests + numRuntimeErrorTestSuites + failedSteps.length;
  const failed = known === 0 && (testStatus !== 0 || numPassedTests === 0) ? 1 : known;
  console.log(`${numPassedTests} passed, ${failed} failed${numPendingTests > 0 ? `, ${numPendingTests} skipped` : ""}`);
  process.exitCode = failed > 0 ? 1 : 0;
}

function npm(...args) {
  const { npm_execpath: script } = process.env;
  const run = script
    ? spawnSync(process.execPath, [script, ...args], { stdio: "inherit" })
    : spawnSync("npm", args, { stdio: "inherit" });
  return run.status ?? 1;
}
