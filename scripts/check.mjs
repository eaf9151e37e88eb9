// Runs what CI runs: lint, types, tests. All of them run, even if one fails. The last line has the numbers.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";

/** If more files than this fail, the cause is no accident of timing, and no second run follows. */
const MOST_FILES_AGAIN = 3;

const folder = mkdtempSync(join(tmpdir(), "dataflow-check-"));

const failedSteps = ["lint", "types"].filter((step) => npm("run", "--silent", step) !== 0);
report(withSecondRun(tests()));
rmSync(folder, { recursive: true, force: true });

/** Runs the tests, or only `files`. Answers Jest's results and its exit code. */
function tests(files = []) {
  const results = join(folder, `jest-${files.length}.json`);
  const only = files.length > 0 ? ["--runTestsByPath", ...files] : [];
  const status = npm("test", "--silent", "--", "--json", `--outputFile=${results}`, ...only);
  return { status, ...(existsSync(results) ? JSON.parse(readFileSync(results, "utf8")) : {}) };
}

/**
 * Runs a few failed files once more, without the load of all others. A test that passes then counts as passed, but the report
 * names it: it is unsteady and has to be mended.
 */
function withSecondRun(first) {
  const failed = (first.testResults ?? []).filter(({ status }) => status === "failed");
  const files = [...new Set(failed.map(({ name }) => relative(process.cwd(), name)))];
  if (files.length === 0 || files.length > MOST_FILES_AGAIN) return first;
  console.log(`Failed, and run once more: ${files.join(", ")}`);
  const second = tests(files);
  const { numFailedTests = 0, numRuntimeErrorTestSuites = 0 } = second;
  if (second.status === 0)
    for (const name of namesOf(failed)) console.log(`Unsteady, passed only when run again: ${name}`);
  const mended = second.status === 0 ? first.numFailedTests : Math.max(0, first.numFailedTests - numFailedTests);
  return {
    status: second.status,
    numPassedTests: first.numPassedTests + mended,
    numFailedTests,
    numPendingTests: first.numPendingTests,
    numRuntimeErrorTestSuites,
  };
}

function namesOf(suites) {
  return suites.flatMap(({ name, assertionResults = [] }) => {
    const failed = assertionResults.filter(({ status }) => status === "failed").map(({ fullName }) => ` › ${fullName}`);
    return (failed.length > 0 ? failed : [""]).map((test) => `${relative(process.cwd(), name)}${test}`);
  });
}

/** A suite that did not even load and a failed step each count as one failure: "0 failed" must mean that all is well. */
function report({
  status,
  numPassedTests = 0,
  numFailedTests = 0,
  numPendingTests = 0,
  numRuntimeErrorTestSuites = 0,
}) {
  for (const step of failedSteps) console.log(`npm run ${step} failed`);
  const known = numFailedTests + numRuntimeErrorTestSuites + failedSteps.length;
  const failed = known === 0 && (status !== 0 || numPassedTests === 0) ? 1 : known;
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
