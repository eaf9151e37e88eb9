/**
 * The promise: rows and counts stay exact when a worker is killed between its write to another database and its write to
 * DataFlow's own.
 */
import pg from "pg";
import { call } from "../../services/messages.ts";
import {
  describePostgres,
  freshSchema,
  migratedPostgres,
  postgresTarget,
  postgresUrlAt,
  type Schema,
} from "../helpers/database.ts";
import { accepted, batchWhen, newClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import { killLeftOvers, startWorker } from "../helpers/process.ts";
import { startProxy, type TcpProxy } from "../helpers/proxy.ts";
import { type System, startSystem } from "../helpers/system.ts";

let own: Schema;
let crm: Schema;
let here: TcpProxy;
let there: TcpProxy;
let system: System;
let beside: pg.Client;

const often = { SWEEP_INTERVAL: "100ms", POLL_INTERVAL: "50ms", BATCH_LEASE: "1s", TABLES_ALLOWED: "crm:*.*" };
const schema = {
  properties: { no: { type: "integer" }, customer: { type: "integer" }, city: { type: "string" } },
  required: ["no"],
};
const policy = {
  schema,
  handler: "table",
  table: { database: "crm", name: "orders", mode: "insert" },
  chunkRecords: 3,
};
const records = [{ no: 1, city: "a-city" }, { no: 2, customer: 9 }, { no: 3 }, { no: 4 }, { no: 1 }, { no: 5 }];
const ask = async <T>(sql: string): Promise<T[]> => (await beside.query(sql)).rows as T[];
const turn = (what: "pause" | "resume") => call(system.broker, `batchProcessor.${what}`, {});

describePostgres("a worker that is killed", () => {
  beforeAll(async () => {
    [own, crm] = await Promise.all([migratedPostgres(), freshSchema()]);
    [here, there] = await Promise.all([startProxy(postgresTarget), startProxy(postgresTarget)]);
    beside = new pg.Client(crm.url);
    await beside.connect();
    const env = { ...often, DATABASE_URL: own.url, DATABASE_POOL: "6", TABLE_DATABASES: `crm=${crm.url}` };
    system = await startSystem({ env });
  });
  afterAll(async () => {
    killLeftOvers();
    await system.stop();
    await Promise.all([beside.end(), here.close(), there.close()]);
    await crm.drop();
  });
  beforeEach(async () => {
    await ask(`DROP TABLE IF EXISTS orders, customers; CREATE TABLE customers (id integer PRIMARY KEY);
      CREATE TABLE orders (no integer PRIMARY KEY, customer integer REFERENCES customers (id), city text)`);
  });

  test.each([
    ["before COMMIT is there", () => there, "next_chunk = next_chunk + 1"],
    ["between COMMIT there and the one here", () => here, "a-city"],
  ] as const)("%s", async (_when, proxy, text) => {
    await turn("pause");
    const env = {
      ...often,
      DATABASE_URL: postgresUrlAt(own.url, here.port),
      DATABASE_POOL: "6",
      TABLE_DATABASES: `crm=${postgresUrlAt(crm.url, there.port)}`,
      METRICS_PORT: "0",
    };
    const worker = await startWorker(env);
    const client = await newClient(system.url, policy);
    // A killed worker may have sent its last statement already. The proxy delivers that statement later.
    const lost = proxy().lose(text, "late", () => worker.stop("SIGKILL"));
    const { id } = await accepted(system.url, client, records.map((one) => JSON.stringify(one)).join("\n"));
    const { arrive } = await lost;
    await turn("resume");
    const end = batchWhen(system.url, client, id);
    // The row of the new lease is there for a short time only.
    let isOver = false;
    const over = () => {
      isOver = true;
    };
    void end.then(over, over);
    await until(async () => isOver || (await ask("SELECT 1 FROM dataflow_applied WHERE fence > 1")).length === 1);
    await arrive();
    const batch = await end;
    const counts = { accepted: 4, rejected: 2, duplicate: 0, created: 4 };
    expect(batch).toMatchObject({ status: "completed_with_errors", counts, attempts: 2 });
    expect(await ask("SELECT no FROM orders ORDER BY no")).toEqual([1, 3, 4, 5].map((no) => ({ no })));
  });
});
