/**
 * The promise: a planned stop hands work back in time and leaves nothing behind. A node that cannot work ends during its start,
 * and says why.
 */
import { existsSync, statSync, writeFileSync } from "node:fs";
import { type ClientRequest, request } from "node:http";
import { join } from "node:path";
import { openDatabase } from "../../database/database.ts";
import { accepted, batchWhen, get, lines, newClient, type TestClient } from "../helpers/http.ts";
import { patience } from "../helpers/patience.ts";
import {
  killLeftOvers,
  launch,
  type RunningProcess,
  startProcess,
  startsInVain,
  temporaryFolder,
  untilFile,
} from "../helpers/process.ts";

const TIMEOUT_MS = 4_000;

let place: ReturnType<typeof temporaryFolder>;
let env: Record<string, string>;
beforeEach(() => {
  place = temporaryFolder();
  env = { DATABASE_URL: place.databaseUrl, SHUTDOWN_TIMEOUT: `${TIMEOUT_MS}ms`, SWEEP_INTERVAL: "200ms" };
});
afterEach(() => {
  killLeftOvers();
  place.remove();
});

/** Stops a node, and checks that it ends in time and leaves an empty write-ahead log. */
async function stopsWell(running: RunningProcess, signal: NodeJS.Signals = "SIGTERM"): Promise<number> {
  const { code, ms } = await running.stop(signal);
  expect({ code, isInTime: ms < patience(TIMEOUT_MS) }).toEqual({ code: 0, isInTime: true });
  const wal = `${join(place.folder, "test.db")}-wal`;
  expect(existsSync(wal) ? statSync(wal).size : 0).toBe(0);
  return ms;
}

/** Reads the database file of a stopped process. */
async function rowsOf<T = Record<string, unknown>>(sql: string): Promise<T[]> {
  const database = await openDatabase({ url: place.databaseUrl });
  try {
    return (await database.sequelize.query(sql))[0] as T[];
  } finally {
    await database.close();
  }
}

const rows = (count: number) => Array.from({ length: count }, (_, i) => `{"n":${i + 1}}`).join("\n");

test("a signal during the start ends the start, and the file is free afterwards", async () => {
  for (const line of ["API Gateway server created", "The database is", "DataFlow listens"]) {
    const { child, exited, logs, listeners } = launch(env);
    await new Promise<void>((resolve) => listeners.add(() => logs().includes(line) && resolve()));
    const sentAt = performance.now();
    child.kill("SIGTERM");
    const { code } = await exited;
    expect({ line, code, isInTime: performance.now() - sentAt < patience(TIMEOUT_MS) }).toEqual({
      line,
      code: 0,
      isInTime: true,
    });
    expect(logs()).not.toContain("TypeError");
  }
});

test("a planned stop hands a running batch back without counting an attempt; the batch goes on after the next start, also beside a process that ends because the file is in use", async () => {
  const count = 20_000;
  const running = await startProcess(env);
  const client = await newClient(running.url, { chunkRecords: 50 });
  const { id } = await accepted(running.url, client, rows(count));
  await batchWhen(running.url, client, id, ({ status, progress }) => status === "processing" && progress > 0.01);
  await stopsWell(running);

  const [row] = await rowsOf("SELECT state, attempt, attempts_total, next_chunk, chunks, accepted, owner FROM batch");
  expect(row).toMatchObject({ state: "ready", attempt: 0, attempts_total: 0, owner: null, chunks: count / 50 });
  const { next_chunk: done, accepted: stored } = row as { next_chunk: number; accepted: number };
  expect(done).toBeGreaterThan(0);
  expect(done).toBeLessThan(count / 50);
  expect(stored).toBe(done * 50);
  expect(await rowsOf("SELECT running FROM client_queue")).toEqual([{ running: 0 }]);

  const again = await startProcess(env);
  const batch = await batchWhen(again.url, client, id);
  expect(batch).toMatchObject({ status: "completed", attempts: 1, counts: { received: count, accepted: count } });
  const records = await lines<{ record: number; data: { n: number } }>(
    get(again.url, client, `/imports/${id}/records`),
  );
  expect(records).toHaveLength(count);
  expect(records.every(({ record, data }, i) => record === i + 1 && data.n === i + 1)).toBe(true);

  // A second process on the same file does not harm the first one.
  const second = await startsInVain(env);
  expect(second.code).toBe(1);
  expect(second.logs).toMatch(/DATABASE_URL: .*test\.db; found one that is in use by another process/);
  const { id: late } = await accepted(again.url, client, rows(3));
  expect(await batchWhen(again.url, client, late)).toMatchObject({ status: "completed" });
  // A second signal during the stop does no harm either.
  process.kill(again.pid, "SIGINT");
  expect(await stopsWell(again, "SIGTERM")).toBeLessThan(patience(TIMEOUT_MS / 2));
});

/** An upload that has sent more than a chunk and never ends by itself. */
function trickle(url: string, client: TestClient) {
  const headers = {
    authorization: client.auth,
    "content-type": "application/x-ndjson",
    "transfer-encoding": "chunked",
  };
  const upload: ClientRequest = request(`${url}/imports`, { method: "POST", headers });
  const end = new Promise<string>((resolve) => {
    upload.once("error", (error: NodeJS.ErrnoException) => resolve(String(error.code)));
    upload.once("response", (response) => resolve(String(response.resume().statusCode)));
  });
  upload.write(`${rows(500)}\n`);
  const timer = setInterval(() => upload.write('{"n":0}\n'), 20);
  return { upload, end: end.finally(() => clearInterval(timer)) };
}

test("a stop cuts off a slow upload, keeps nothing of it, and waits for a hanging handler no longer than SHUTDOWN_TIMEOUT", async () => {
  const handler = `export default { name: "hang", actions: { run: { importHandler: true, handler: () => new Promise(() => {}) } } };`;
  writeFileSync(join(place.folder, "hang.service.ts"), handler);
  env.HANDLERS_DIR = place.folder;
  const running = await startProcess(env);
  const hangs = await newClient(running.url, { handler: "hang.run" });
  const { id } = await accepted(running.url, hangs, rows(3));
  await batchWhen(running.url, hangs, id, ({ status }) => status === "processing");
  const slow = await newClient(running.url, { chunkRecords: 100 });
  const { end } = trickle(running.url, slow);
  await untilFile(place, "SELECT count(*) > 1 AS is_there FROM batch_chunk");
  const ms = await stopsWell(running);
  expect(ms).toBeGreaterThan(TIMEOUT_MS / 4);
  expect(await end).toMatch(/503/);
  expect(await rowsOf("SELECT state, attempt, attempts_total, next_chunk, chunks FROM batch")).toEqual([
    { state: "ready", attempt: 0, attempts_total: 0, next_chunk: 0, chunks: 1 },
  ]);
  expect(await rowsOf("SELECT no FROM batch_chunk")).toEqual([{ no: 0 }]);
});

test("wrong settings end the start; the log has one line for each of them and no secret", async () => {
  const token = "too-short-secret";
  const wrong = { ...env, PORT: "99999", SWEEP_INTERVAL: "often", ADMIN_TOKEN: token, DATAFLOW_PORT: "1" };
  const { code, logs } = await startsInVain(wrong);
  expect(code).toBe(1);
  const faults = logs.trim().split("\n");
  expect(faults.map((line) => line.split(":")[0]).sort()).toEqual([
    "ADMIN_TOKEN",
    "DATAFLOW_PORT",
    "PORT",
    "SWEEP_INTERVAL",
  ]);
  expect(logs).not.toContain(token);
});
