/** `npm run demo` as its users run it: a process of its own, with everything in a temporary folder that is deleted at the end. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { gzipSync } from "node:zlib";
import { root } from "../../root.cjs";
import { DemoClient } from "../../scripts/demo-client.ts";
import { DemoError, type DemoOptions, demoOptions, type ImportFile } from "../../scripts/demo-options.ts";
import { storedTable } from "../../scripts/demo-stored.ts";
import { type DemoSystem, startSystem } from "../../scripts/demo-system.ts";
import { makeOrders } from "../../scripts/make-orders.ts";
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

/** Starts the demo with the Node that npm would use. TMPDIR shows what the demo leaves behind. */
function start(args: string[], env: Record<string, string> = {}) {
  const beganAt = performance.now();
  const path = [join(root, "node_modules/.bin"), process.env.PATH].join(delimiter);
  const { NODE_COMPILE_CACHE = "" } = process.env;
  const child = spawn("sh", ["-c", `exec ${command} "$@"`, "demo", ...args], {
    cwd: root,
    env: { PATH: path, NODE_COMPILE_CACHE, TMPDIR: temporary, INIT_CWD: folder, ...env },
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

/** Checks the output for the example file. */
function expectExample(stdout: string): void {
  const { received, rejected } = makeOrders();
  expect(countsIn(stdout)).toEqual({ received, rejected, accepted: received - rejected, duplicate: 0 });
  expect(stdout).toContain("Importing examples/orders.csv as the dataset orders of the client demo-shop\n");
  expect(stdout).toMatch(new RegExp(`^  created +${(received - rejected).toLocaleString("en-US")}$`, "m"));
  expect(stdout).toMatch(/^ {2}field +record 1 in the file +in the table +record 2 in the file +in the table$/m);
  expect(stdout).toMatch(/^ {2}customer_name +Karl-Heinz Groß +Karl-Heinz Groß +渡辺, さくら +渡辺, さくら$/m);
  expect(stdout).toMatch(/^ {2}unit_price +12\.90 +12\.9 +578 +578$/m);
  expect(stdout).toMatch(/^ {2}note +– +–$/m);
  expect(stdout).toContain("email       must be an e-mail address like");
  expect(stdout).toMatch(/^ {2}\d+ +quantity +must be >= 1 +-\d+$/m);
  // No terminal: no codes for one.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  expect(stdout).not.toMatch(/[\x00-\x09\x0b-\x1f]/);
}

test("the table of stored records has one record at least, and twelve fields at most", () => {
  const fields = Array.from({ length: 14 }, (_, i): [string, string] => [`f${i}`, `"${"x".repeat(30)}"`]);
  const lines = storedTable(
    [1, 2].map((record) => ({ record, fields })),
    [],
    40,
  ).split("\n");
  expect(lines).toHaveLength(14);
  expect(lines[0]).toBe("  field     record 1");
  expect(lines[12]).toBe(`  f11       "${"x".repeat(24)}…`);
  expect(lines[13]).toBe("  … 2 more");
});

test("a file of the user is found in the working folder; its control characters are shown as visible ones; --exit leaves nothing behind", async () => {
  const lines = ['{"a\\u0007":"\u202e","n":1.50}', "x\x1b[2J\u202e", '{"n":"ü"}'];
  writeFileSync(join(folder, "EVIL.NDJSON.gz"), gzipSync(`${lines.join("\n")}\n`));
  // Settings that the user has made for another system must not affect the demo.
  const own = { REDIS_URL: "redis://127.0.0.1:1", PORT: "nonsense", DATAFLOW_X: "1", SERVICES: "api" };
  const run = await start(["--exit", "EVIL.NDJSON.gz"], own).ended;
  expect(run).toMatchObject({ status: 0, stderr: "", stdout: expect.stringContaining("x\\u001b[2J\\u202e") });
  expect(run.stdout).toMatch(/^ {2}a\\u0007 +"\\u202e" .*\n {2}n +1\.50 .*$/m);
  expect(run.stdout).not.toMatch(/\u202e|(?!\n)\p{Cc}/u);
  expect(countsIn(run.stdout)).toEqual({ received: 3, accepted: 2, rejected: 1, duplicate: 0 });
  expect(readdirSync(temporary)).toEqual([]);
  // It takes two seconds on an idle machine. More than this limit is a hang.
  expect(run.ms).toBeLessThan(patience(10_000));
});

/** Runs the commands that the demo prints, and checks that they show the rows of the file. */
function expectTable(stdout: string): void {
  const run = (pattern: RegExp) => spawnSync("sh", ["-c", pattern.exec(stdout)?.[1] ?? ""], { encoding: "utf8" });
  const german = makeOrders().csv.match(/,DE,/g)?.length ?? 0;
  const node = run(/^ {2}('\S+' --disable-warning.*)$/m);
  expect(node).toMatchObject({ status: 0, stderr: "" });
  const [, orders] = /'DE' +│ (\d+)/.exec(node.stdout) ?? [];
  expect(Number(orders)).toBeGreaterThan(german * 0.98);
  expect(Number(orders)).toBeLessThanOrEqual(german);
  const sqlite3 = run(/^ {2}(sqlite3 .*)$/m);
  // sqlite3 is not installed on every machine.
  if (sqlite3.status !== 127) expect(sqlite3.stdout).toMatch(new RegExp(`^DE +${orders} `, "m"));
}

test("the example is imported into a table, and shown; the demo serves its pages until Ctrl-C, on another port if 3000 is taken", async () => {
  const other = createServer();
  const isTaken = new Promise<void>((resolve) => {
    // Another program may use the port, which serves the test as well.
    other.once("error", () => resolve()).listen(3000, "127.0.0.1", resolve);
  });
  await isTaken;
  const { child, ended, shows } = start([]);
  const stdout = await shows("Ctrl-C ends it");
  other.close();
  expect(stdout).toMatch(/^DataFlow runs at http:\/\/127\.0\.0\.1:(?!3000:)\d+:/);
  expectExample(stdout);
  const curl = /^ {2}(curl -u \S+ http\S+\/imports\/[\w-]+)$/m.exec(stdout)?.[1] ?? "";
  const shown = JSON.parse(execFileSync("sh", ["-c", `${curl} -sS`], { encoding: "utf8" }));
  expect(shown).toMatchObject({ dataset: "orders", status: "completed_with_errors", counts: countsIn(stdout) });
  expectTable(stdout);
  child.kill("SIGINT");
  expect(await ended).toMatchObject({ status: 0, stderr: "" });
  expect(readdirSync(temporary)).toEqual([]);
});

test("Ctrl-C during an import ends the demo cleanly", async () => {
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

describe("a file of the user", () => {
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

  test.each([
    ["empty.csv", "", "400 empty-body"],
    ["twice.csv", "a,a\n1,2\n", "400 malformed-body (line 1)"],
  ])("%s is refused as a whole", async (name, content, reason) => {
    writeFileSync(join(folder, name), content);
    const { file } = demoOptions([join(folder, name)]) as DemoOptions;
    await expect(client.upload(file, () => undefined)).rejects.toThrow(reason);
  });
});

test.each<[string, string[], RegExp]>([
  ["a folder", ["tmp"], /tmp is no file/],
  [
    "a file of another kind",
    ["other.pdf"],
    /should end in one of \.csv, \.txt, \.tsv, .*, \.xlsx, or in one of these and \.gz/,
  ],
  ["two files", ["other.pdf", "missing.csv"], /One file at a time/],
  ["a file that is not there", ["missing.csv"], /^There is no file .*missing\.csv\.$/],
  ["an unknown option", ["--bogus"], /Unknown option '--bogus'/],
])("%s is no option", (_, args, message) => {
  process.env.INIT_CWD = folder;
  writeFileSync(join(folder, "other.pdf"), "");
  expect(() => demoOptions(args)).toThrow(DemoError);
  expect(() => demoOptions(args)).toThrow(message);
});

test("a file that is broken as a whole is reported, and the demo ends with 1", async () => {
  writeFileSync(join(folder, "twice.csv"), "a,a\n1,2\n");
  const run = await demo("twice.csv");
  const message = /^DataFlow refused it: 400 malformed-body \(line 1\)\..*\n$/;
  expect(run).toMatchObject({ status: 1, stderr: expect.stringMatching(message) });
  expect(readdirSync(temporary)).toEqual([]);
});
