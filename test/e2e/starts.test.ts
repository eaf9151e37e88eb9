/**
 * The promise: a node that cannot start names the setting in one line without a stack or a secret. It waits for a server that is
 * away.
 */
import { execFile, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { root } from "../../root.cjs";
import {
  killLeftOvers,
  launch,
  migratedHere,
  type RunningProcess,
  startProcess,
  startsInVain,
  temporaryFolder,
} from "../helpers/process.ts";

const place = temporaryFolder();
const open: Server[] = [];
afterAll(() => {
  killLeftOvers();
  for (const server of open) server.close();
  place.remove();
});

/** A server that gives the same answer to all that it is sent. */
async function talker(answer: string): Promise<number> {
  const server = createServer((socket) => socket.on("error", () => {}).on("data", () => socket.end(answer)));
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

/** A folder with one handler file. */
function handlers(name: string, text: string): string {
  const folder = join(place.folder, name);
  mkdirSync(folder);
  writeFileSync(join(folder, "orders.service.ts"), text);
  return folder;
}

type End = { code: number | null; logs: string };

/**
 * Runs commands with these settings, and answers their exit code and output. The cases of "all" share a process, which starts all
 * services repeatedly.
 */
async function endsOf(cases: readonly (readonly [script: string, env: Record<string, string>])[]): Promise<End[]> {
  const child = join(root, "test/e2e/starts.child.ts");
  const environments = cases.flatMap(([script, env]) => (script === "all" ? [env] : []));
  const { stdout } = await promisify(execFile)(process.execPath, [child, JSON.stringify(environments)]);
  const shared = JSON.parse(stdout) as End[];
  const ends: End[] = [];
  for (const [script, env] of cases) {
    if (script === "all") ends.push(shared.shift() as End);
    else ends.push(await (script === "migrate" ? migratedHere(env) : startsInVain(env, script)));
  }
  return ends;
}

const DATABASE_URL = "sqlite::memory:";
const LINES = "export default {\n";

test("every wrong setting ends the start with one line and exit 1", async () => {
  const text = join(place.folder, "text.db");
  writeFileSync(text, "no database\n".repeat(100));
  const [http, redis] = [await talker("HTTP/1.1 400 Bad Request\r\n\r\n"), await talker("-ERR unknown command\r\n")];
  // Each kind of failed start has a process of its own.
  const cases: [script: string, env: Record<string, string>, told: RegExp][] = [
    ["start", { PORT: String(http) }, /PORT: expected a port that is free at 127\.0\.0\.1; found \d+, where/],
    ["all", { HOST: "192.0.2.1" }, /HOST: expected an address of this machine; found 192\.0\.2\.1 \(EADDRNOTAVAIL\)/],
    ["start:worker", { HOST: "192.0.2.1" }, /HOST: expected an address of this machine/],
    ["repl", { PORT: String(http) }, /PORT: expected a port that is free/],
    ["start", { AMQP_URL: `amqp://u:hunter2@127.0.0.1:${redis}` }, /AMQP_URL: expected RabbitMQ at .*; found Redis/],
    [
      "all",
      { REDIS_URL: `redis://:hunter2@127.0.0.1:${http}` },
      /REDIS_URL: expected Redis at .*; found an HTTP server/,
    ],
    [
      "all",
      { DATABASE_URL: `postgres://u:hunter2@127.0.0.1:${http}/x` },
      /DATABASE_URL: expected PostgreSQL, at .*; found an HTTP/,
    ],
    [
      "migrate",
      { DATABASE_URL: `postgres://u:hunter2@127.0.0.1:${redis}/x` },
      /DATABASE_URL: expected PostgreSQL, at .*; found Redis/,
    ],
    [
      "all",
      { DATABASE_URL: `sqlite:${place.folder}` },
      /DATABASE_URL: expected a file of SQLite .*; found a folder, or something else that is no file/,
    ],
    [
      "migrate",
      { DATABASE_URL: `sqlite:${text}` },
      /DATABASE_URL: expected a file of SQLite .*; found file is not a database/,
    ],
    ["start", { SERVICES: "api" }, /SERVICES: expected clientCache, .* on the node of api/],
    [
      "start",
      { HANDLERS_DIR: handlers("syntax", `${LINES}  name: }`) },
      /HANDLERS_DIR: .*; found orders\.service\.ts, line 2: /,
    ],
    [
      "all",
      { HANDLERS_DIR: handlers("throws", `${LINES}  name: nobody }`) },
      /HANDLERS_DIR: .*; found orders\.service\.ts, line 2: nobody is not defined/,
    ],
    ["all", { HANDLERS_DIR: handlers("empty", "") }, /HANDLERS_DIR: .*; found orders\.service\.ts: /],
  ];
  const ends = await endsOf(cases.map(([script, env]) => [script, { DATABASE_URL, METRICS_PORT: "0", ...env }]));
  for (const [i, [, env, told]] of cases.entries()) {
    const { code, logs } = ends[i] as End;
    expect({ env, logs, code }).toEqual({ env, logs: expect.stringMatching(told), code: 1 });
    expect(logs.split("\n").filter((line) => told.test(line))).toHaveLength(1);
    expect(logs).not.toMatch(/hunter2|\n {4}at |\\n {4}at /);
  }
});

describe("a node with settings of earlier versions and of Moleculer", () => {
  const SERVICES = "api,rateLimiter,clientCache,policy,batch,outbox,webhook";
  const NAMESPACE = "5";
  let node: RunningProcess;
  beforeAll(async () => {
    node = await startProcess({ DATABASE_URL, SERVICES, NAMESPACE, LOGGER: "false", METRICS: "false", CREATED: "no" });
  });
  afterAll(async () => expect(await node.stop()).toMatchObject({ code: 0 }));

  test("starts imports and retention for a SERVICES list of an earlier version", () => {
    for (const name of ["imports", "retention"]) expect(node.logs()).toMatch(new RegExp(`${name}\\b.* started`, "i"));
  });

  test("reads NAMESPACE literally, and ignores Moleculer's own variables", () => {
    expect(node.logs()).toContain(`Namespace: ${NAMESPACE}"`);
  });
});

test.each(["", "api,batch"])(
  "a start that finds no service (SERVICES=%s) ends with 1 and says so",
  async (SERVICES) => {
    const at = (path: string) => join(root, path);
    const runner = [at("node_modules/moleculer/bin/moleculer-runner.mjs"), "--config", at("moleculer.config.ts")];
    const { NODE_COMPILE_CACHE = "" } = process.env;
    const env = { NODE_COMPILE_CACHE, DATABASE_URL, SERVICES, SERVICEDIR: "services", LOG_FORMAT: "json" };
    // Another folder than that of package.json.
    const child = spawn(at("node_modules/.bin/node"), [...runner, "--mask", "**/*.service.ts"], {
      cwd: place.folder,
      env,
    });
    let logs = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (logs += data));
    const code = await new Promise((resolve) => child.once("close", resolve));
    const told = /SERVICES: expected api, .*batch.* below services\/ .*; found no such service there/g;
    expect({ code, logs }).toEqual({ code: 1, logs: expect.stringMatching(told) });
    expect(logs.match(told)).toHaveLength(1);
  },
);

test("every serving command waits for a database whose host name is unknown", async () => {
  const url = "postgres://u:hunter2@nowhere.invalid/x";
  const waits =
    /The start waits for the database postgres:\/\/\*\*\*@nowhere\.invalid\/x \(DATABASE_URL\): .*\((ENOTFOUND|EAI_AGAIN)\)/;
  const waiting = async (script: string) => {
    const { child, exited, logs, listeners } = launch({ DATABASE_URL: url, METRICS_PORT: "0" }, script);
    await new Promise<void>((resolve) => listeners.add(() => waits.test(logs()) && resolve()));
    child.kill("SIGTERM");
    // A planned stop also ends a start.
    expect((await exited).code).toBe(0);
    expect(logs()).not.toMatch(/hunter2|\\n {4}at |is not found/);
  };
  await Promise.all([waiting("start"), waiting("start:worker")]);
  const { code, logs } = await migratedHere({ DATABASE_URL: url });
  expect([code, logs]).toEqual([
    1,
    expect.stringMatching(/^The database was not migrated: DATABASE_URL: .* is away: .*\n$/),
  ]);
});

test("SIGTERM ends a start that waits for RabbitMQ with exit 0", async () => {
  const { child, exited, logs, listeners } = launch({ DATABASE_URL, AMQP_URL: "amqp://127.0.0.1:1" });
  await new Promise<void>((resolve) => listeners.add(() => logs().includes("the start waits for it") && resolve()));
  child.kill("SIGTERM");
  expect((await exited).code).toBe(0);
});
