/**
 * The promise of the whole product: each import that was answered with 202 is processed to its end, each record once and right,
 * however often the process is killed. An import that was not answered exists as a whole or not at all. CHAOS_ROUNDS=500 makes a
 * long run; CHAOS_SEED repeats the imports and moments of an earlier run.
 */
import { DatabaseSync } from "node:sqlite";
import { openDatabase } from "../../database/database.ts";
import { admin, newClient, type TestClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import {
  killLeftOvers,
  launch,
  type RunningProcess,
  startProcess,
  temporaryFolder,
  untilFile,
} from "../helpers/process.ts";
import { type CompanyTable, companyDdl, companyTables, intoTable } from "./company.ts";
import { bodyOf, headersOf, randomBy, randomImport, schema, tableSchema } from "./imports.ts";
import { type BatchFound, expectAllRight, expectOneByOne, isRestful, type Sent } from "./stored.ts";

const ROUNDS = Number(process.env.CHAOS_ROUNDS ?? 3);
const SEED = Number(process.env.CHAOS_SEED ?? Date.now() % 1_000_000);
const isLong = ROUNDS > 10;
/** The longest time that a round's load runs before the kill. */
const LONGEST_LOAD_MS = 700;
/**
 * This many senders post small bodies, one after another. They are more than a worker processes one by one, so it processes them
 * as groups.
 */
const FLOOD = 6;

const place = temporaryFolder();
const env = { DATABASE_URL: place.databaseUrl, BATCH_LEASE: "1s", SWEEP_INTERVAL: "100ms" };
const random = randomBy(SEED);

interface Sender {
  client: TestClient;
  isLarge: boolean;
  table?: CompanyTable;
}

/** All uploads that were sent, by key. `answered` has those that were answered, with the id of the batch. */
const sent = new Map<string, Sent>();
const answered = new Map<string, string>();
const unexpected: string[] = [];
let isStopping = false;

beforeAll(() => {
  const file = new DatabaseSync(place.file);
  file.exec(companyDdl.join(";"));
  file.close();
});
afterAll(() => {
  killLeftOvers();
  place.remove();
});

/** Sends a large body in pieces, so that a kill comes in the middle of it. */
function pieces(body: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array> {
  const size = Math.max(1_000, Math.ceil(body.length / 30));
  let at = 0;
  return new ReadableStream({
    async pull(controller) {
      await new Promise(setImmediate);
      if (at >= body.length) return controller.close();
      controller.enqueue(body.subarray(at, at + size));
      at += size;
    },
  });
}

/** Posts imports, one after another, until the process has ended. */
async function send(url: string, { client, isLarge, table }: Sender, keys: string): Promise<void> {
  for (let n = 0; ; n++) {
    const one = randomImport(`${keys}-${n}`, random, isLarge, table);
    sent.set(one.key, { ...one, isAllOrNothing: client === allOrNothing });
    const body = bodyOf(one);
    const headers = { authorization: client.auth, ...headersOf(one) };
    try {
      const init = isLarge ? { body: pieces(body), duplex: "half" } : { body };
      const response = await fetch(`${url}/imports`, { method: "POST", headers, ...init } as RequestInit);
      const text = await response.text();
      if (response.status === 202) answered.set(one.key, JSON.parse(text).id);
      else if (response.status === 503 && isStopping) return;
      else unexpected.push(`${one.key}: ${response.status} ${text}`);
    } catch {
      return;
    }
  }
}

let senders: Sender[];
let allOrNothing: TestClient;
/** A client whose batches run one after another. */
let inOrder: TestClient;

async function makeClients(url: string): Promise<void> {
  const policy = { schema, chunkRecords: 100, maxAttempts: 100 };
  const small = await newClient(url, { ...policy, maxConcurrentBatches: 1 });
  const large = await newClient(url, policy);
  const heavy = await newClient(url, { ...policy, weight: 10, maxConcurrentBatches: 3 });
  allOrNothing = await newClient(url, { ...policy, onInvalid: "rejectBatch" });
  inOrder = await newClient(url, { ...policy, order: "fifo" });
  const floods = [await newClient(url, { ...policy, maxConcurrentBatches: 1 }), inOrder];
  const intoTables = companyTables.map(async (table): Promise<Sender> => {
    const chunkRecords = isLong ? policy.chunkRecords : 5;
    const client = await newClient(url, { ...policy, ...intoTable(table), schema: tableSchema, chunkRecords });
    return { client, isLarge: isLong && table !== "logged", table };
  });
  senders = [
    ...Array.from({ length: FLOOD }, (_, i) => ({ client: floods[i % 2] as TestClient, isLarge: false })),
    { client: small, isLarge: false },
    { client: small, isLarge: false },
    { client: allOrNothing, isLarge: false },
    { client: allOrNothing, isLarge: true },
    { client: large, isLarge: true },
    { client: large, isLarge: true },
    { client: heavy, isLarge: true },
    ...(await Promise.all(intoTables)),
  ];
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Kills a process during its start. The next start then finds a half-finished one. */
async function killedWhileStarting(): Promise<void> {
  const { child, exited } = launch(env);
  await Promise.race([wait(random() * 700), exited]);
  child.kill("SIGKILL");
  await exited;
}

/** Tells the process to stop, so that the kill comes in the middle of a planned stop. */
async function beginsToStop({ pid, exited }: RunningProcess): Promise<void> {
  isStopping = true;
  process.kill(pid, "SIGTERM");
  await Promise.race([wait(random() * 300), exited]);
}

/** Whether an import into each table was answered. The first round waits for this, also on a busy machine. */
function isIntoEachTable(): boolean {
  const tables = new Set([...answered.keys()].map((key) => sent.get(key)?.table));
  return companyTables.every((table) => tables.has(table));
}

/** A long run chooses the rounds of a kind at random. A short run has one of each kind. */
const isOfKind = (round: number, no: number) => (isLong ? no > 0 && random() < 0.25 : no === round);

async function round(no: number): Promise<void> {
  if (isOfKind(1, no)) await killedWhileStarting();
  const running = await startProcess(env);
  if (no === 0) await makeClients(running.url);
  const sending = senders.map((sender, i) => send(running.url, sender, `r${no}s${i}`));
  if (no === 0) await until(isIntoEachTable, "an answer to an import into each table");
  await wait(20 + random() * LONGEST_LOAD_MS);
  if (isOfKind(2, no)) await beginsToStop(running);
  await running.stop("SIGKILL");
  await Promise.all(sending);
  isStopping = false;
}

async function comesToRest(): Promise<void> {
  const running: RunningProcess = await startProcess(env);
  try {
    await untilFile(place, isRestful, 60_000 + ROUNDS * 2_000);
  } catch (error) {
    const states = await (await admin(running.url, "/batches?limit=5&status=processing")).text();
    throw new Error(`It did not come to rest (seed ${SEED}): ${states}\n${running.logs().slice(-5_000)}`, {
      cause: error,
    });
  }
  expect((await running.stop()).code).toBe(0);
}

test(
  `every answered import survives ${ROUNDS} kills, each record stored once (CHAOS_SEED=${SEED})`,
  async () => {
    for (let no = 0; no < ROUNDS; no++) await round(no);
    await comesToRest();
    expect(unexpected).toEqual([]);

    const database = await openDatabase({ url: place.databaseUrl });
    const select = async <T>(sql: string) => (await database.sequelize.query(sql))[0] as T[];
    try {
      const found = await expectAllRight(select, sent, answered);
      // On a busy machine a short run may have processed none of these batches.
      await expectOneByOne(select, inOrder.id, isLong ? ROUNDS : 0);
      expect(await select("PRAGMA integrity_check")).toEqual([{ integrity_check: "ok" }]);
      report(found);
    } finally {
      await database.close();
    }
  },
  60_000 + ROUNDS * 20_000,
);

/** Reports what the run has met, and fails if it has met nothing: such a run proves nothing. */
function report(found: BatchFound[]): void {
  const unanswered = sent.size - answered.size;
  const survived = found.length - answered.size;
  if (isLong)
    console.log(
      `Seed ${SEED}: ${sent.size} sent, ${answered.size} answered, ${unanswered} not, of these ${survived} stored.`,
    );
  expect(answered.size).toBeGreaterThan(ROUNDS);
  expect(unanswered).toBeGreaterThan(ROUNDS);
  expect(found.some(({ created }) => Number(created) > 0)).toBe(true);
}
