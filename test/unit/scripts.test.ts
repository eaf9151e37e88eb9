import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { root } from "../../root.cjs";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dataflow-scripts-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

/** Runs a script in the folder, where `npm.cjs` replaces npm. */
function run(script: string, ...args: string[]) {
  const env = { PATH: process.env.PATH, npm_execpath: join(folder, "npm.cjs") };
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, "scripts", script), ...args], {
    cwd: folder,
    encoding: "utf8",
    env,
  });
  return { status, stdout, stderr };
}

describe("setup.mjs", () => {
  const lock = (version: string) => JSON.stringify({ packages: { "": {}, "node_modules/a": { version } } });
  const npm = `const fs = require("node:fs"); fs.mkdirSync("node_modules", { recursive: true });
    fs.appendFileSync("calls", process.argv.slice(2).join(" ") + ";");`;
  const calls = () => existsSync(join(folder, "calls"));

  test("installs once, and again when the lock file has changed", () => {
    write({ "package-lock.json": lock("1.0.0"), "npm.cjs": npm });
    expect(run("setup.mjs")).toMatchObject({ status: 0, stdout: "", stderr: expect.stringContaining("npm ci") });
    rmSync(join(folder, "calls"));
    expect(run("setup.mjs")).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(calls()).toBe(false);
    write({ "package-lock.json": lock("1.0.1") });
    expect(run("setup.mjs").status).toBe(0);
    expect(calls()).toBe(true);
  });

  test("takes over what somebody's own npm ci installed", () => {
    write({ "package-lock.json": lock("1.0.0"), "npm.cjs": npm });
    write({ "node_modules/.package-lock.json": lock("1.0.0") });
    expect(run("setup.mjs")).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(calls()).toBe(false);
  });

  test("ends with the code of an install that fails, and tries again", () => {
    write({ "package-lock.json": lock("1.0.0"), "npm.cjs": `${npm} process.exit(7);` });
    expect(run("setup.mjs").status).toBe(7);
    expect(run("setup.mjs").status).toBe(7);
  });
});

describe("check.mjs", () => {
  /** A replacement of npm. It writes `result` as Jest does, and fails at the commands in `failing`. */
  const npm = (result: object, failing = "") => `
    const [, , ...args] = process.argv;
    const file = args.find((arg) => arg.startsWith("--outputFile="))?.slice("--outputFile=".length);
    if (file) require("node:fs").writeFileSync(file, ${JSON.stringify(JSON.stringify(result))});
    process.exit(args.includes("${failing}") ? 1 : 0);`;

  test.each([
    ["all is well", npm({ numPassedTests: 5 }), "5 passed, 0 failed", 0],
    ["some were skipped", npm({ numPassedTests: 5, numPendingTests: 2 }), "5 passed, 0 failed, 2 skipped", 0],
    ["a test failed", npm({ numPassedTests: 5, numFailedTests: 1 }, "test"), "5 passed, 1 failed", 1],
    ["a suite did not load", npm({ numPassedTests: 5, numRuntimeErrorTestSuites: 1 }), "5 passed, 1 failed", 1],
    ["only the types are wrong", npm({ numPassedTests: 5 }, "types"), "5 passed, 1 failed", 1],
    ["Jest failed with no test's fault", npm({ numPassedTests: 5 }, "test"), "5 passed, 1 failed", 1],
    ["no test ran", npm({ numPassedTests: 0 }), "0 passed, 1 failed", 1],
  ])("when %s", (_, script, last, status) => {
    write({ "npm.cjs": script });
    const result = run("check.mjs");
    expect(result.stdout.trimEnd().split("\n").at(-1)).toBe(last);
    expect(result.status).toBe(status);
  });

  /** The first run, of all tests, ends as `first` says; the second run, of the failed files, ends as `second` says. */
  const twice = (first: object, second: { status: number; [figure: string]: unknown }) => `
    const [, , ...args] = process.argv;
    const file = args.find((arg) => arg.startsWith("--outputFile="))?.slice("--outputFile=".length);
    if (!file) process.exit(0);
    const isSecond = args.includes("--runTestsByPath");
    if (isSecond) console.log("again", args.slice(args.indexOf("--runTestsByPath") + 1).join(" "));
    const { status = 1, ...result } = isSecond ? ${JSON.stringify(second)} : ${JSON.stringify(first)};
    require("node:fs").writeFileSync(file, JSON.stringify(result));
    process.exit(status);`;
  const failedIn = (...files: string[]) => ({
    numPassedTests: 5,
    numFailedTests: files.length,
    numPendingTests: 2,
    testResults: files.map((name) => ({
      name: join(folder, name),
      status: "failed",
      assertionResults: [{ status: "failed", fullName: "waits for it" }],
    })),
  });

  test("runs a few files that failed once more, and names what passes only then", () => {
    write({ "npm.cjs": twice(failedIn("a.test.ts", "b.test.ts"), { status: 0, numPassedTests: 9 }) });
    const { stdout, status } = run("check.mjs");
    expect(stdout.trimEnd().split("\n")).toEqual([
      "Failed, and run once more: a.test.ts, b.test.ts",
      "again a.test.ts b.test.ts",
      "Unsteady, passed only when run again: a.test.ts › waits for it",
      "Unsteady, passed only when run again: b.test.ts › waits for it",
      "7 passed, 0 failed, 2 skipped",
    ]);
    expect(status).toBe(0);
  });

  test("fails where a test fails twice", () => {
    write({ "npm.cjs": twice(failedIn("a.test.ts", "b.test.ts"), { status: 1, ...failedIn("b.test.ts") }) });
    const { stdout, status } = run("check.mjs");
    expect(stdout).not.toContain("Unsteady");
    expect(stdout.trimEnd().split("\n").at(-1)).toBe("6 passed, 1 failed, 2 skipped");
    expect(status).toBe(1);
  });

  test("runs nothing again where many files failed", () => {
    write({ "npm.cjs": twice(failedIn("a", "b", "c", "d"), { status: 0 }) });
    const { stdout, status } = run("check.mjs");
    expect(stdout.trimEnd()).toBe("5 passed, 4 failed, 2 skipped");
    expect(status).toBe(1);
  });
});

describe("imports.mjs", () => {
  function checked() {
    const { status, stderr } = run("imports.mjs", folder);
    return { status, faults: stderr.split("\n").filter(Boolean).sort() };
  }

  test("lets through what is allowed", () => {
    write({
      "config/config.ts": 'import { env } from "node:process"; export const port = env.PORT;',
      "lib/net/a.ts": "export const a = 1;",
      "services/a/a.service.ts": `import "./a.parts.ts"; import "../ids.ts"; import type { B } from "../b/b.contract.ts"; import "../b/b.schema.ts";
        // import "../b/b.service.ts"
        export const text: B = 'import "../b/b.service.ts"';`,
      "services/a/a.parts.ts": 'import "../../mixins/m.ts"; import "../../formats/csv.ts";',
      "services/b/b.contract.ts": 'export type { B } from "./b.domain.ts";',
      "services/b/b.domain.ts": 'import "../../formats/csv.ts"; export type B = string;',
      "services/b/b.schema.ts": "export const b = {};",
      "services/ids.ts": "export const id = 1;",
      "services/contracts.ts": 'export * from "./b/b.contract.ts";',
      "mixins/m.ts": 'import "../database/dialects/sqlite/open.ts"; import "../lib/net/a.ts";',
      "formats/csv.ts": 'import "../lib/net/a.ts";',
      "database/dialects/sqlite/open.ts": 'export { DatabaseSync } from "node:sqlite"; import "../../../lib/net/a.ts";',
      "database/store.ts": 'import type { B } from "../services/b/b.domain.ts"; export type Stored = B;',
    });
    expect(checked()).toEqual({ status: 0, faults: [] });
  });

  test("names every way up, types included", () => {
    write({
      "services/ids.ts": "export const id = 1;",
      "services/a/a.service.ts": `import type { Part } from "../b/b.parts.ts"; export type T = Part;
        export { x } from "../b/b.x.ts"; export const later = () => import("../b/b.late.ts");`,
      "services/b/b.parts.ts": "export type Part = 1;",
      "services/b/b.x.ts": "export const x = 1;",
      "services/b/b.late.ts": "export const late = 1;",
      "services/b/b.contract.ts": 'import type { Row } from "../../database/row.ts"; export type B = Row;',
      "services/b/b.domain.ts":
        'import "../../lib/net/b.ts"; import type { Row } from "../../database/row.ts"; export type D = Row;',
      "database/row.ts": "export type Row = 1;",
      "lib/net/b.ts": "export const b = 1;",
      "services/contracts.ts": 'export * from "./b/b.x.ts";',
      "config/config.ts": 'import "../services/ids.ts";',
      "lib/net/a.ts": 'import "../../services/ids.ts";',
      "formats/csv.ts": 'import "../services/ids.ts";',
      "database/store.ts":
        'import { DatabaseSync } from "node:sqlite"; export { DatabaseSync }; import "../mixins/m.ts";',
      "mixins/m.ts": 'import type { id } from "../services/ids.ts"; export type Id = typeof id;',
      "middlewares/d.ts": 'import { env } from "node:process"; export { env };',
      "repl/r.ts": 'import "../test/t.ts";',
      "test/t.ts": "export const t = 1;",
    });
    const { status, faults } = checked();
    expect(faults.map((line) => line.split(": ")[0])).toEqual([
      "config/config.ts > services/ids.ts",
      "database/store.ts > mixins/m.ts",
      "database/store.ts > node:sqlite",
      "formats/csv.ts > services/ids.ts",
      "lib/net/a.ts > services/ids.ts",
      "middlewares/d.ts > process",
      "mixins/m.ts > services/ids.ts",
      "repl/r.ts > test/t.ts",
      ...["late", "parts", "x"].map((name) => `services/a/a.service.ts > services/b/b.${name}.ts`),
      "services/b/b.contract.ts > database/row.ts",
      "services/b/b.domain.ts > database/row.ts",
      "services/b/b.domain.ts > database/row.ts",
      "services/b/b.domain.ts > lib/net/b.ts",
      "services/contracts.ts > services/b/b.x.ts",
    ]);
    expect(faults).toContain(
      "services/a/a.service.ts > services/b/b.parts.ts: Of another actor import only its contract and its domain types; call it through the broker.",
    );
    expect(status).toBe(1);
  });

  test("names a circle of files that import each other, by types too", () => {
    write({
      "services/a/a.service.ts": 'import "./a.parts.ts"; import "./a.plain.ts";',
      "services/a/a.parts.ts": 'import { far } from "./a.far.ts"; import "./a.plain.ts"; export { far };',
      "services/a/a.far.ts": 'import type { A } from "./a.parts.ts"; export const far = (a: A) => a;',
      "services/a/a.plain.ts": "export const plain = 1;",
    });
    const [far, parts] = ["services/a/a.far.ts", "services/a/a.parts.ts"];
    expect(checked().faults.map((line) => line.split(": ")[0])).toEqual([`${far} > ${parts} > ${far}`]);
  });
});

describe("start.sh", () => {
  function told(env: Record<string, string>): string {
    write({ "bin/node": '#!/bin/sh\necho "$NODE_COMPILE_CACHE $*"\n' });
    chmodSync(join(folder, "bin/node"), 0o755);
    const path = [join(folder, "bin"), process.env.PATH].join(delimiter);
    const options = { cwd: folder, encoding: "utf8", env: { PATH: path, ...env } } as const;
    return spawnSync("sh", [join(root, "scripts/start.sh")], options).stdout;
  }

  test("starts Node, which keeps what it has compiled, there or where the user says", () => {
    expect(told({})).toMatch(/^node_modules\/\.cache\/node-compile .*moleculer-runner\.mjs /);
    expect(told({ NODE_COMPILE_CACHE: "/elsewhere" })).toMatch(/^\/elsewhere /);
  });
});
