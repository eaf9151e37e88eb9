/** `npm run demo`, as its users run it: a process of its own, with everything in a temporary folder that goes with it. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { gzipSync } from "node:zlib";
import { root } from "../../root.cjs";
import { DemoClient } from "../../scripts/demo-client.ts";
import { type DemoOptions, demoOptions, type ImportFile } from "../../scripts/demo-options.ts";
import { type DemoSystem, startSystem } from "../../scripts/demo-system.ts";
import { makeOrders } from "../../scripts/make-orders-file.ts";
import { patience } from "../helpers/patience.ts";

const command = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).scripts.demo.replace(/^exec /, "");
const started = new Set<ChildProcess>();

let folder: string;
let temporary: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dataflow-demo-test-"));
  temporary = join(folder, "tmp");
  mkdirSync(temporary);
});
afterEach(() => {
  for (const child of started) child.kill("SIGKILL");
  rmSync(folder, { recursive: true });
});

interface Run {
  status: number | null;
  stdout: string;
  stderr: string;
  ms: number;
}

/** The Node is the one that npm would find; TMPDIR shows what the demo leaves behind. */
function start(args: string[], env: Record<string, string> = {}) {
  const beganAt = performance.now();
  const path = [join(root, "node_modules/.bin"), process.env.PATH].join(delimiter);
  const child = spawn("sh", ["-c", `exec ${command} "$@"`, "demo", ...args], {
    cwd: root,
    env: { PATH: path, TMPDIR: temporary, INIT_CWD: folder, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  started.add(child);
  const text = { stdout: "", stderr: "" };
  child.stderr.on("data", (data) => {
    text.stderr += data;
  });
  const ended = new Promise<Run>((resolve) => {
    child.once("close", (status) => {
      started.delete(child);
      resolve({ status, ...text, ms: performance.now() - beganAt });
    });
  });
  const shows = (wanted: string) =>
    new Promise<string>((resolve, reject) => {
      child.stdout.on("data", () => text.stdout.includes(wanted) && resolve(text.stdout));
      ended.then((run) => reject(new Error(`It ended without "${wanted}": ${JSON.stringify(run)}`)));
    });
  child.stdout.on("data", (data) => {
    text.stdout += data;
  });
  return { child, ended, shows };
}

const demo = (...args: string[]) => start(args).ended;

function countsIn(stdout: string): Record<string, number> {
  const found = stdout.matchAll(/^ {2}(received|accepted|rejected|duplicate) +([\d,]+)$/gm);
  return Object.fromEntries([...found].map(([, name, value]) => [name, Number(value?.replaceAll(",", ""))]));
}

test("examples/orders.csv is what scripts/make-orders.ts makes", () => {
  expect(readFileSync(join(root, "examples/orders.csv"), "utf8") === makeOrders().csv).toBe(true);
});

test("the example is imported, its wrong rows are shown, and nothing is left behind", async () => {
  // What the user has set for a system of his own is not the demo's business.
  const own = { REDIS_URL: "redis://127.0.0.1:1", PORT: "nonsense", DATAFLOW_X: "1", SERVICES: "api" };
  const run = await start(["--exit"], own).ended;
  const { received, rejected } = makeOrders();
  expect(run).toMatchObject({ status: 0, stderr: "" });
  expect(countsIn(run.stdout)).toEqual({ received, rejected, accepted: received - rejected, duplicate: 0 });
  expect(run.stdout).toContain('email       must match format "email"');
  expect(run.stdout).toMatch(/^ {2}\d+ +quantity +must be >= 1 +-\d+$/m);
  // No terminal: no codes for one.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  expect(run.stdout).not.toMatch(/[\x00-\x09\x0b-\x1f]/);
  expect(readdirSync(temporary)).toEqual([]);
  // Two seconds on an idle machine: more than this is a hang.
  expect(run.ms).toBeLessThan(patience(10_000));
});

test("what a file says is shown with what it hides", async () => {
  writeFileSync(join(folder, "evil.ndjson"), '{"a":1}\nx\x1b[2J\u202e\n');
  const { status, stdout } = await demo("evil.ndjson", "--exit");
  expect([status, stdout]).toEqual([0, expect.stringContaining("x\\u001b[2J\\u202e")]);
  expect(stdout).not.toMatch(/\u202e|(?!\n)\p{Cc}/u);
});

test("it serves what it shows until Ctrl-C, on another port where 3000 is not free", async () => {
  const other = createServer();
  const isTaken = new Promise<void>((resolve) => {
    // Somebody else may have it, which is as good.
    other.once("error", () => resolve()).listen(3000, "127.0.0.1", resolve);
  });
  await isTaken;
  const { child, ended, shows } = start([]);
  const stdout = await shows("Ctrl-C ends it");
  other.close();
  expect(stdout).toMatch(/^DataFlow runs at http:\/\/127\.0\.0\.1:(?!3000:)\d+:/);
  expect(countsIn(stdout)).toMatchObject({ received: makeOrders().received });
  const curl = /^ {2}(curl -u \S+ http\S+\/imports\/[\w-]+)$/m.exec(stdout)?.[1] ?? "";
  const shown = JSON.parse(execFileSync("sh", ["-c", `${curl} -sS`], { encoding: "utf8" }));
  expect(shown).toMatchObject({ status: "completed_with_errors", counts: countsIn(stdout) });
  child.kill("SIGINT");
  expect(await ended).toMatchObject({ status: 0, stderr: "" });
  expect(readdirSync(temporary)).toEqual([]);
});

test("a stop in the midst of an import ends it in order too", async () => {
  writeFileSync(join(folder, "large.ndjson"), '{"note":"one of very many"}\n'.repeat(1_000_000));
  const { child, ended, shows } = start(["large.ndjson"]);
  await shows("Importing");
  child.kill("SIGTERM");
  const run = await ended;
  expect(run.status).toBe(0);
  expect(run.stdout).not.toContain("completed");
  expect(readdirSync(temporary)).toEqual([]);
});

const ndjson = '{"a":1}\nnonsense\n{"a":"ü"}\n';

test("a file of the user's own is imported from where he is", async () => {
  writeFileSync(join(folder, "MINE.NDJSON.gz"), gzipSync(ndjson));
  const run = await demo("--exit", "MINE.NDJSON.gz");
  expect(run).toMatchObject({ status: 0, stderr: "" });
  expect(countsIn(run.stdout)).toEqual({ received: 3, accepted: 2, rejected: 1, duplicate: 0 });
});

describe("what the name of a file says", () => {
  let system: DemoSystem;
  let client: DemoClient;
  beforeAll(async () => {
    system = await startSystem();
    client = new DemoClient(system.url, new AbortController().signal);
    await client.introduce(system, { isExample: false } as ImportFile);
  });
  afterAll(() => system.stop());

  const files: [string, string, Record<string, number>][] = [
    ["mine.csv", "a;b\n1;2\n3\n4;ü\n", { received: 3, accepted: 2, rejected: 1, duplicate: 0 }],
    ["mine.jsonl", ndjson, { received: 3, accepted: 2, rejected: 1, duplicate: 0 }],
    ["mine.json", '[{"a":1}]', { received: 1, accepted: 1, rejected: 0, duplicate: 0 }],
  ];
  test.each(files)("%s is imported as such", async (name, content, counts) => {
    writeFileSync(join(folder, name), content);
    const { file } = demoOptions([join(folder, name)]) as DemoOptions;
    const { id } = await client.upload(file, () => undefined);
    expect((await client.ended(id, () => undefined)).counts).toEqual(counts);
  });
});

const refusals: [string, string[], RegExp][] = [
  ["a file that is not there", ["missing.csv"], /^There is no file .*missing\.csv\.\n$/],
  ["a folder", ["tmp"], /tmp is no file/],
  ["a file of another kind", ["other.xlsx"], /should end in \.csv/],
  ["two files", ["other.xlsx", "missing.csv"], /One file at a time/],
  ["an unknown option", ["--bogus"], /Unknown option '--bogus'/],
  ["a file without records", ["empty.csv"], /400 empty-body/],
  ["a file that is broken as a whole", ["twice.csv"], /400 malformed-body \(line 1\)/],
];

test.each(refusals)("%s is told, and ends it with 1", async (_, args, message) => {
  writeFileSync(join(folder, "other.xlsx"), "");
  writeFileSync(join(folder, "empty.csv"), "");
  writeFileSync(join(folder, "twice.csv"), "a,a\n1,2\n");
  const run = await demo(...args);
  expect(run.status).toBe(1);
  expect(run.stderr).toMatch(message);
  expect(readdirSync(temporary)).toEqual([]);
});
