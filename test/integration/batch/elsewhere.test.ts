/** The handler "table" into another database: rows and counts are exact, whatever is away or dies between the two commits. */
import { Console } from "node:console";
import { randomUUID } from "node:crypto";
import { Writable } from "node:stream";
import pg from "pg";
import { loadConfig } from "../../../config/config.ts";
import { DatabaseUnavailable } from "../../../database/errors.ts";
import { commands, outputOf } from "../../../repl/commands.ts";
import { migrate } from "../../../scripts/migrate-run.ts";
import type { Elsewhere } from "../../../services/batch/batch.elsewhere.ts";
import { call } from "../../../services/messages.ts";
import { describePostgres, freshSchema, postgresTarget, postgresUrlAt, type Schema } from "../../helpers/database.ts";
import { accepted, admin, type Batch, batchWhen, get, lines, newClient, type TestClient } from "../../helpers/http.ts";
import { metrics } from "../../helpers/metrics.ts";
import { until } from "../../helpers/patience.ts";
import { startProxy, type TcpProxy } from "../../helpers/proxy.ts";
import { ADMIN_TOKEN, type System, startSystem } from "../../helpers/system.ts";
import { moveOf } from "../store/drafts.ts";
import { body, cancel, codesOf, four, half, hangBetween, policy, schema, table, whole } from "./elsewhere.kit.ts";
import { ended, hasStatus, row, storeOf } from "./kit.ts";

let system: System;
let crm: Schema;
let proxy: TcpProxy;
let beside: pg.Client;
let client: TestClient;

/** Of a login that may make nothing. */
const role = `dataflow_elsewhere_${process.pid}`;

const ask = async <T = Record<string, unknown>>(sql: string): Promise<T[]> => (await beside.query(sql)).rows as T[];
const others: pg.Client[] = [];
/** A transaction of somebody else's, open until it is released, or the test has failed. */
async function holding(sql: string): Promise<() => Promise<void>> {
  const other = new pg.Client(crm.url);
  await other.connect();
  others.push(other);
  await other.query(`BEGIN; ${sql}`);
  return () => other.end();
}
const numbers = async () => (await ask<{ no: number }>("SELECT no FROM orders ORDER BY no")).map(({ no }) => no);
const applied = () => ask<{ batch: string }>("SELECT batch::text AS batch FROM dataflow_applied");
/** Who waits for a lock in the table of this file. Other files have tables of this name on the same server. */
const waiting = () =>
  ask(`SELECT 1 FROM pg_stat_activity AS session WHERE wait_event_type = 'Lock' AND EXISTS (
    SELECT 1 FROM pg_locks AS held WHERE held.pid = session.pid AND held.relation = 'orders'::regclass)`);

const upload = (...records: object[]) => accepted(system.url, client, body(...records));
const asOperator = async (id: string) => (await admin(system.url, `/batches/${id}`)).json() as Promise<Batch>;
const appliedCommand = commands.find(({ command }) => command === "applied") as (typeof commands)[number];
describePostgres("a table in another database", () => {
  beforeAll(async () => {
    crm = await freshSchema();
    proxy = await startProxy(postgresTarget);
    beside = new pg.Client(crm.url);
    await beside.connect();
    const env = {
      SWEEP_INTERVAL: "100ms",
      POLL_INTERVAL: "50ms",
      BATCH_LEASE: "2s",
      LOG_LEVEL: "fatal",
      TABLES_ALLOWED: "crm:*.*,bare:*.*",
      TABLE_DATABASES: `crm=${postgresUrlAt(crm.url, proxy.port)},bare=${crm.url}%20-c%20role%3D${role}`,
    };
    system = await startSystem({ env });
  });
  afterAll(async () => {
    await system.stop();
    await beside.end();
    await proxy.close();
    await crm.drop();
  });
  beforeEach(async () => {
    await ask(`DROP TABLE IF EXISTS orders, customers; CREATE TABLE customers (id integer PRIMARY KEY);
      INSERT INTO customers VALUES (1); CREATE TABLE orders (no integer PRIMARY KEY,
        customer integer CONSTRAINT fk_customer REFERENCES customers (id), city varchar(10))`);
    client = await newClient(system.url, policy);
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    await Promise.all(others.splice(0).map((other) => other.end()));
  });

  test("rows, counts, records and errors tell the same, and nothing of the batch stays in dataflow_applied", async () => {
    const { id } = await upload(
      { no: 1, customer: 1 },
      { no: "x" },
      { no: 2, customer: 9 },
      { no: 3, city: "a city too long" },
      { no: 4 },
      { no: 1 },
      { no: 5 },
    );
    const batch = await ended(system, client, id);
    const counts = { received: 7, accepted: 3, rejected: 4, duplicate: 0, created: 3, updated: 0, deleted: 0 };
    expect(batch).toMatchObject({ status: "completed_with_errors", counts, attempts: 1 });
    expect(await numbers()).toEqual([1, 4, 5]);
    expect(await codesOf(system, client, id)).toEqual([
      [2, "type", "no"],
      [3, "reference", "customer"],
      [4, "maxLength", "city"],
      [6, "conflict", "no"],
    ]);
    const stored = await lines<{ record: number }>(get(system.url, client, `/imports/${id}/records`));
    expect(stored.map(({ record }) => record)).toEqual([1, 5, 7]);
    await until(async () => (await applied()).length === 0);
  });

  test("a batch that is taken back waits for a row that somebody has locked, and for nothing else", async () => {
    await ask("ALTER TABLE orders ADD batch uuid; CREATE INDEX orders_batch ON orders (batch)");
    const columns = { no: "no", batch: { meta: "batchId" } };
    client = await newClient(system.url, { ...policy, table: { ...table, columns } });
    const { id } = await upload({ no: 1 }, { no: 2 });
    await ended(system, client, id);
    await ask("INSERT INTO orders (no) VALUES (7)");
    const release = await holding("SELECT 1 FROM orders WHERE no = 1 FOR KEY SHARE");
    const reason = JSON.stringify({ reason: "The wrong file." });
    expect(await admin(system.url, `/batches/${id}/undo`, { method: "POST", body: reason })).toMatchObject({
      status: 202,
    });
    await until(async () => ((await asOperator(id)).waits as string | null)?.includes("locked"));
    expect(await numbers()).toEqual([1, 7]);
    await release();
    await batchWhen(system.url, client, id, hasStatus("undone"));
    expect(await numbers()).toEqual([7]);
  });

  /** All there once, and counted once. */
  async function expectWhole(id: string, attempts = 1) {
    expect(await ended(system, client, id)).toMatchObject({ status: "completed_with_errors", attempts, counts: whole });
    expect(await numbers()).toEqual([1, 3, 4]);
    expect(await codesOf(system, client, id)).toEqual([[2, "reference", "customer"]]);
  }

  describe.each(["cut", "late"] as const)("an answer that is lost (%s)", (how) => {
    test.each([
      ["of a chunk's COMMIT there", "next_chunk = next_chunk + 1"],
      ["of a chunk's rows", "a-city"],
      ["of the claim there", "INSERT INTO dataflow_applied"],
    ])("%s: rows and counts are exact", async (_what, text) => {
      // New links: a statement that one knows already goes without its text.
      proxy.cut();
      const lost = proxy.lose(text, how);
      const { id } = await upload(...four);
      const { arrive } = await lost;
      await arrive();
      await expectWhole(id);
    });
  });

  test("DataFlow's own commit fails after the one there: the chunk comes again, and finds itself written", async () => {
    const away = new DatabaseUnavailable("away");
    const commits = jest.spyOn(storeOf(system), "commitChunk").mockRejectedValueOnce(away).mockRejectedValueOnce(away);
    const { id } = await upload(...four);
    await until(() => commits.mock.calls.length > 2);
    // What it finds are the faults as they were, and no others.
    await expectWhole(id);
  });

  test("what was written there counts as it was judged then, though the table has changed", async () => {
    const own = storeOf(system).commitChunk;
    const commits = jest.spyOn(storeOf(system), "commitChunk").mockImplementationOnce(async () => {
      await ask("ALTER TABLE orders ALTER city TYPE varchar(2), DROP CONSTRAINT fk_customer");
      throw new DatabaseUnavailable("away");
    });
    const { id } = await upload({ no: 1, city: "eleven char" }, { no: 2, customer: 9 }, { no: 3 });
    await until(() => commits.mock.calls.length > 1);
    expect(await ended(system, client, id)).toMatchObject({ counts: { accepted: 1, rejected: 2, created: 1 } });
    expect(await codesOf(system, client, id)).toEqual([
      [1, "maxLength", "city"],
      [2, "reference", "customer"],
    ]);
    expect(storeOf(system).commitChunk).not.toBe(own);
  });

  test("a batch that is taken away while its rows are locked: its late worker writes nothing, the next one all", async () => {
    const release = await holding("INSERT INTO orders (no) VALUES (1)");
    const { id } = await upload(...four);
    await until(async () => (await waiting()).length === 1);
    const batch = await row(system, id);
    await storeOf(system).move(moveOf(batch, "ready", { due: { inMs: 0 } }));
    // The next worker waits for the same row, and the late one is let go first.
    await until(async () => (await waiting()).length === 2);
    await release();
    await expectWhole(id, 2);
  });

  test("a batch that is cancelled while its rows are locked ends at once, and nothing is written", async () => {
    const release = await holding("INSERT INTO orders (no) VALUES (1)");
    const { id } = await upload(...four);
    await until(async () => (await waiting()).length === 1);
    expect((await cancel(system, id)).status).toBe(200);
    expect(await waiting()).toHaveLength(1);
    await release();
    await until(async () => (await waiting()).length === 0);
    expect(await ended(system, client, id)).toMatchObject({ status: "cancelled", counts: { accepted: 0 } });
    expect(await numbers()).toEqual([]);
  });

  test("a batch that is cancelled between the two commits has what is written in its counts", async () => {
    const between = hangBetween(system);
    const { id } = await upload(...four);
    await between.reached;
    expect((await cancel(system, id)).status).toBe(200);
    between.go();
    expect(await between.late).toBeNull();
    expect(await ended(system, client, id)).toMatchObject({ status: "cancelled", counts: half });
    expect(await asOperator(id)).toMatchObject({ counts: half });
    expect(await numbers()).toEqual([1, 3]);
    await until(async () => (await applied()).length === 0);
  });

  test("so has one whose worker is lost for the last time", async () => {
    client = await newClient(system.url, { ...policy, maxAttempts: 1 });
    const between = hangBetween(system);
    jest.spyOn(storeOf(system), "extendLeases").mockResolvedValue([]);
    const { id } = await upload(...four);
    await between.reached;
    expect(await ended(system, client, id)).toMatchObject({
      status: "failed",
      error: { code: "worker-lost" },
      counts: half,
    });
    between.go();
    expect(await between.late).toBeNull();
    jest.restoreAllMocks();
    // Driven again it goes on behind what is written.
    await admin(system.url, `/batches/${id}/redrive`, { method: "POST" });
    expect(await ended(system, client, id)).toMatchObject({ counts: { accepted: 3, rejected: 1, created: 3 } });
    expect(await numbers()).toEqual([1, 3, 4]);
  });

  test("a late worker does not make the row of a batch anew that has ended, and writes nothing", async () => {
    const between = hangBetween(system);
    const { id } = await upload({ no: 1 });
    const early = await between.reached;
    between.go();
    await ended(system, client, id);
    await until(async () => (await applied()).length === 0);
    expect(await call(system.broker, "batch.enterTable", { batch: early })).toBeNull();
  });

  test("rows of batches that have ended are tidied away, those of others stay", async () => {
    const { id } = await upload({ no: 1 });
    await ended(system, client, id);
    await until(async () => !(await applied()).some(({ batch }) => batch === id));
    const other = randomUUID();
    await ask(`INSERT INTO dataflow_applied (batch, fence, next_chunk) VALUES ('${id}', 1, 1), ('${other}', 1, 1)`);
    expect(await outputOf(appliedCommand, system.broker, { options: {} })).toMatch(
      new RegExp(`^database +batch +fence +chunk +changed\n.*crm +${id} +1 +1 `, "s"),
    );
    const { parts } = system.broker.getLocalService("batch") as unknown as { parts: { elsewhere: Elsewhere } };
    await parts.elsewhere.tidy();
    expect(await applied()).toEqual([{ batch: other }]);
    await ask("DELETE FROM dataflow_applied");
  });

  test("a login that may not make dataflow_applied: the dataset is refused until `migrate --applied` has made it", async () => {
    const [own] = await ask<{ name: string }>("SELECT current_schema() AS name");
    await ask(`DROP TABLE dataflow_applied; CREATE ROLE ${role}; GRANT USAGE ON SCHEMA ${own?.name} TO ${role};
      GRANT ALL ON ALL TABLES IN SCHEMA ${own?.name} TO ${role}`);
    const document = { schema, handler: "table", table: { ...table, database: "bare" } };
    const put = () => admin(system.url, "/datasets/bare", { method: "PUT", body: JSON.stringify(document) });
    const refused = await put();
    expect([refused.status, (await refused.json()) as object]).toMatchObject([
      422,
      {
        errors: [{ pointer: "/table/database", detail: expect.stringContaining("npm run migrate -- --applied bare") }],
      },
    ]);
    const config = loadConfig({ ADMIN_TOKEN, TABLE_DATABASES: `bare=${crm.url}` });
    const said = new Console(new Writable({ write: (_text, _encoding, done) => done() }));
    expect(await migrate(config, said, ["--applied", "none"])).toBe(1);
    expect(await migrate(config, said, ["--applied", "bare"])).toBe(0);
    expect(await migrate(config, said, ["--applied", "bare"])).toBe(0);
    expect((await put()).status).toBe(201);
    // It may not write it yet: the batch waits, and says so.
    client = await newClient(system.url, document);
    const { id } = await upload({ no: 1 });
    const waits = await until(async () => ((await asOperator(id)) as { waits?: string | null }).waits);
    expect(waits).toContain("a right is missing");
    await ask(`GRANT SELECT, INSERT, UPDATE, DELETE ON dataflow_applied TO ${role}`);
    expect(await ended(system, client, id)).toMatchObject({ status: "completed", attempts: 1 });
    await ask(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  });

  test("a database that is away: the batch waits without an attempt, others go on, a cancel is told so", async () => {
    await proxy.shut();
    const { id } = await upload(...four);
    const waits = await until(async () => {
      const { status, waits } = await asOperator(id);
      return status === "ready" && (waits as string | null);
    });
    expect(waits).toBe('the table database "crm" is away');
    // The check of a moment ago may be told again.
    const health = await until(async () => {
      const told = (await (await fetch(`${system.url}/health/ready`)).json()) as { status: string };
      return told.status !== "ok" && told;
    });
    expect(health).toMatchObject({ status: "degraded", checks: { tables: { crm: { status: "down" } } } });
    const isUp = async () => (await metrics(system.url)).get('dataflow_table_database_up{database="crm"}');
    await until(async () => (await isUp()) === 0);
    expect(await outputOf(appliedCommand, system.broker, { options: {} })).toContain("crm cannot be asked now");
    const other = await newClient(system.url, { schema });
    const { id: otherId } = await accepted(system.url, other, body({ no: 1 }));
    expect(await ended(system, other, otherId)).toMatchObject({ status: "completed" });
    const refused = await cancel(system, id);
    expect([refused.status, ((await refused.json()) as { detail: string }).detail]).toEqual([
      503,
      'The batch cannot end now: the table database "crm" is away.',
    ]);
    await proxy.open();
    await expectWhole(id);
    await until(async () => (await isUp()) === 1);
  });
});
