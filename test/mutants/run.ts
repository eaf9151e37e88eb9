/**
 * `npm run test:mutants [-- WORD …]`: removes or changes lines of the product, one at a time, and checks that a test fails. It
 * works in a copy of the working tree. With words it tries only mutants whose file or text contains one of them. At the end it
 * prints the mutants that no test noticed.
 */
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { all } from "./all.ts";
import { type Mutant, mutantsIn } from "./mutant.ts";

/** How long the tests of a mutant may run. A mutant may make a test wait for ever. */
const MOST_MS = 240_000;

const root = join(import.meta.dirname, "../..");
const words = process.argv.slice(2);
const wanted = mutantsIn(root, all).filter(
  ({ file, text }) => words.length === 0 || words.some((word) => file.includes(word) || text.includes(word)),
);

const copy = mkdtempSync(join(tmpdir(), "dataflow-mutants-"));
try {
  copyTo(copy);
  process.exitCode = tryAll();
} finally {
  rmSync(copy, { recursive: true });
}

/** Copies the working tree. Packages become links; the copy has caches of its own. */
function copyTo(folder: string): void {
  const listed = spawnSync("git", ["ls-files", "-co", "--exclude-standard"], { cwd: root, encoding: "utf8" });
  for (const file of listed.stdout.trim().split("\n")) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    cpSync(join(root, file), join(folder, file), { force: true });
  }
  mkdirSync(join(folder, "node_modules"));
  for (const name of readdirSync(join(root, "node_modules")))
    if (name !== ".cache") symlinkSync(join(root, "node_modules", name), join(folder, "node_modules", name));
}

/**
 * Tries all mutants. Answers the exit code: 1 if a mutant survives that should not, 2 if the tests fail without a mutant or could
 * not be
 * loaded.
 */
function tryAll(): number {
  const survivors: Mutant[] = [];
  const sound = new Set<string>();
  for (const [at, mutant] of wanted.entries()) {
    const { file, text, instead, tests } = mutant;
    const key = tests.join();
    if (!sound.has(key) && run(tests) !== "passed") return failed(`The tests ${tests.join(", ")} fail by themselves.`);
    sound.add(key);
    const path = join(copy, file);
    const whole = readFileSync(path, "utf8");
    writeFileSync(
      path,
      whole.replace(text, () => instead),
    );
    const result = run(tests);
    writeFileSync(path, whole);
    if (result === "broken") return failed(`${file}: no test could run with ${nameOf(mutant)}`);
    if (result === "passed") survivors.push(mutant);
    console.log(`${at + 1}/${wanted.length} ${result === "passed" ? "LIVES " : "killed"} ${file}: ${nameOf(mutant)}`);
  }
  console.log(`${wanted.length} mutants, ${survivors.length} live`);
  for (const one of survivors) console.log(`  ${one.file}: ${nameOf(one)}`);
  return survivors.length > 0 ? 1 : 0;
}

function failed(why: string): number {
  console.error(why);
  return 2;
}

function nameOf({ text, instead }: Mutant): string {
  const [before, after] = [text, instead].map((one) => one.replace(/\s+/g, " ").trim());
  return `${before} → ${after || "(nothing)"}`;
}

interface Results {
  numFailedTests: number;
  numPassedTests: number;
  numRuntimeErrorTestSuites: number;
  testResults: { name: string; assertionResults: { status: string; fullName: string }[] }[];
}

/** Runs the tests. `broken`: a file could not be loaded, so no test has run. */
function run(tests: string[]): "passed" | "failed" | "broken" {
  const output = join(copy, "results.json");
  rmSync(output, { force: true });
  const args = [
    "--selectProjects",
    "all",
    "--runInBand",
    "--forceExit",
    "--testTimeout=30000",
    "--silent",
    "--json",
    `--outputFile=${output}`,
  ];
  const jest = join(copy, "node_modules/jest/bin/jest.js");
  const paths = tests.map((test) => `test/${test}`);
  const ended = spawnSync(process.execPath, [jest, ...paths, ...args], {
    cwd: copy,
    timeout: MOST_MS,
    killSignal: "SIGKILL",
  });
  if (ended.signal) return "failed";
  if (!existsSync(output)) {
    console.error(`${ended.stderr}`);
    return "broken";
  }
  const results = JSON.parse(readFileSync(output, "utf8")) as Results;
  for (const { name, assertionResults } of results.testResults)
    for (const { status, fullName } of assertionResults)
      if (status === "failed") console.log(`    ${relative(join(copy, "test"), name)}: ${fullName}`);
  if (results.numFailedTests > 0) return "failed";
  if (results.numPassedTests === 0 || results.numRuntimeErrorTestSuites > 0) return "broken";
  return "passed";
}
