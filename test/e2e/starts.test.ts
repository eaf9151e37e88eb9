/** What cannot start says why in one line that names the setting, without stack or secret; what is only away is waited for. */
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server } from "node:net";
import { join } from "node:path";
import { root } from "../../root.cjs";
import {
  killLeftOvers,
  launch,
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

/** A server that answers whatever it is sent. */
async function talker(answer: string): Promise<number> {
  const server = createServer((socket) => socket.on("error", () => {}).on("data", () => socket.end(answer)));
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

/** A folder with one file of a handler. */
function handlers(name: string, text: string): string {
  const folder = join(place.folder, name);
  mkdirSync(folder);
  writeFileSync(join(folder, "orders.service.ts"), text);
  return folder;
}

const DATABASE_URL = "sqlite::memory:";
const LINES = "export default {\n";

test("one line, exit 1", async () => {
  const text = join(place.folder, "text.db");
  writeFileSync(text, "no database\n".repeat(100));
  const [http, redis] = [await talker("HTTP/1.1 400 Bad Request\r\n\r\n"), await talker("-ERR unknown command\r\n")];
  const cases: [script: string, env: Record<string, string>, told: RegExp][] = [
    ["start", { PORT: String(http) }, /PORT: expected a port that is free at 127\.0\.0\.1; found \d+, where/],
    ["start", { HOST: "192.0.2.1" }, /HOST: expected an address of this machine; found 192\.0\.2\.1 \(EADDRNOTAVAIL\)/],
    ["start:worker", { HOST: "192.0.2.1" }, /HOST: expected an address of this machine/],
    ["repl", { PORT: String(http) }, /PORT: expected a port that is free/],
    ["start", { AMQP_URL: `amqp://u:hunter2@127.0.0.1:${redis}` }, /AMQP_URL: expected RabbitMQ at .*; found Redis/],
    [
      "start",
      { REDIS_URL: `redis://:hunter2@127.0.0.1:${http}` },
      /REDIS_URL: expected Redis at .*; found an HTTP server/,
    ],
    [
      "start",
      { DATABASE_URL: `postgres://u:hunter2@127.0.0.1:${http}/x` },
      /DATABASE_URL: expected PostgreSQL, at .*; found an HTTP/,
    ],
    [
      "migrate",
      { DATABASE_URL: `postgres://u:hunter2@127.0.0.1:${redis}/x` },
      /DATABASE_URL: expected PostgreSQL, at .*; found Redis/,
    ],
    [
      "start",
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
      "start",
      { HANDLERS_DIR: handlers("throws", `${LINES}  name: nobody }`) },
      /HANDLERS_DIR: .*; found orders\.service\.ts, line 2: nobody is not defined/,
    ],
    ["start", { HANDLERS_DIR: handlers("empty", "") }, /HANDLERS_DIR: .*; found orders\.service\.ts: /],
  ];
  for (const [script, env, told] of cases) {
    const { code, logs } = await startsInVain({ DATABASE_URL, METRICS_PORT: "0", ...env }, script);
    expect({ env, logs, code }).toEqual({ env, logs: expect.stringMatching(told), code: 1 });
    expect(logs.split("\n").filter((line) => told.test(line))).toHaveLength(1);
    expect(logs).not.toMatch(/hunter2|\n {4}at |\\n {4}at /);
  }
});

describe("a node with settings of other times and other programs", () => {
  const SERVICES = "api,rateLimiter,clientCache,policy,batch,outbox,webhook";
  const NAMESPACE = "5";
  let node: RunningProcess;
  beforeAll(async () => {
    node = await startProcess({ DATABASE_URL, SERVICES, NAMESPACE, LOGGER: "false", METRICS: "false", CREATED: "no" });
  });
  afterAll(async () => expect(await node.stop()).toMatchObject({ code: 0 }));

  test("starts what was a part of the services that an earlier version listed", () => {
    for (const name of ["imports", "retention"]) expect(node.logs()).toMatch(new RegExp(`${name}\\b.* started`, "i"));
  });

  test("takes a namespace for what it says, and nothing from variables that are Moleculer's own", () => {
    expect(node.logs()).toContain(`Namespace: ${NAMESPACE}"`);
  });
});

test.each(["", "api,batch"])(
  "a start that finds no service (SERVICES=%s) ends with 1 and says so",
  async (SERVICES) => {
    const at = (path: string) => join(root, path);
    const runner = [at("node_modules/moleculer/bin/moleculer-runner.mjs"), "--config", at("moleculer.config.ts")];
    const env = { DATABASE_URL, SERVICES, SERVICEDIR: "services", LOG_FORMAT: "json" };
    // Not the folder of package.json.
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

test("a database whose name nobody knows yet is waited for, in every command that serves", async () => {
  const url = "postgres://u:hunter2@nowhere.invalid/x";
  const waits =
    /The start waits for the database postgres:\/\/\*\*\*@nowhere\.invalid\/x \(DATABASE_URL\): .*\((ENOTFOUND|EAI_AGAIN)\)/g;
  const waiting = async (script: string) => {
    const { child, exited, logs, listeners } = launch({ DATABASE_URL: url, METRICS_PORT: "0" }, script);
    await new Promise<void>((resolve) => listeners.add(() => (logs().match(waits)?.length ?? 0) > 1 && resolve()));
    child.kill("SIGTERM");
    // A planned stop, also of a start.
    expect((await exited).code).toBe(0);
    expect(logs()).not.toMatch(/hunter2|\\n {4}at |is not found/);
  };
  await Promise.all([waiting("start"), waiting("start:worker")]);
  const { code, logs } = await startsInVain({ DATABASE_URL: url }, "migrate");
  expect([code, logs]).toEqual([
    1,
    expect.stringMatching(/^The database was not migrated: DATABASE_URL: .* is away: .*\n$/),
  ]);
});

test("a start that waits for RabbitMQ is stopped with exit 0", async () => {
  const { child, exited, logs, listeners } = launch({ DATABASE_URL, AMQP_URL: "amqp://127.0.0.1:1" });
  await new Promise<void>((resolve) => listeners.add(() => logs().includes("the start waits for it") && resolve()));
  child.kill("SIGTERM");
  expect((await exited).code).toBe(0);
});
