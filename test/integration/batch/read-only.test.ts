/**
 * While PostgreSQL is read-only (`default_transaction_read_only`), a batch into a table waits and uploads are refused. Afterwards
 * work goes on.
 */
import pg from "pg";
import { describePostgres, dropDatabase, migratedPostgres } from "../../helpers/database.ts";
import { accepted, newClient, post } from "../../helpers/http.ts";
import { until } from "../../helpers/patience.ts";
import { quick, type System, startSystem } from "../../helpers/system.ts";
import { ended, storeOf } from "./kit.ts";

describePostgres("a database that only reads", () => {
  let url: string;
  let beside: pg.Client;
  let system: System;
  beforeAll(async () => {
    ({ url } = await migratedPostgres());
    beside = new pg.Client(url);
    await beside.connect();
    await beside.query("CREATE TABLE orders (no integer PRIMARY KEY)");
    const env = { ...quick, LOG_LEVEL: "fatal", TABLES_ALLOWED: "*.*" };
    system = await startSystem({ env: { ...env, DATABASE_URL: url } });
  });
  afterAll(async () => {
    await system?.stop();
    await beside.end();
    await dropDatabase(url);
  });

  /** Sets new connections to read-only or back, and ends the connections of the node. */
  async function readOnly(is: "on" | "off") {
    const name = new URL(url).pathname.slice(1);
    await beside.query(`ALTER DATABASE ${name} SET default_transaction_read_only = ${is}`);
    const others = "datname = current_database() AND pid <> pg_backend_pid()";
    await beside.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${others}`);
  }
  const rows = async () => (await beside.query("SELECT no FROM orders ORDER BY no")).rows.map(({ no }) => no);

  test("the batch is not failed, an upload is answered 503, and both go on afterwards, exactly once", async () => {
    const schema = { properties: { no: { type: "integer" } } };
    const into = { schema, handler: "table", table: { name: "orders" }, chunkRecords: 2 };
    const client = await newClient(system.url, into);
    const store = storeOf(system);
    const { commitChunk } = store;
    let failed = 0;
    jest.spyOn(store, "commitChunk").mockImplementation(async (commit) => {
      if (commit.chunk === 1 && failed === 0) await readOnly("on");
      return commitChunk(commit).catch((error) => {
        failed++;
        throw error;
      });
    });
    const { id } = await accepted(system.url, client, '{"no":1}\n{"no":2}\n{"no":3}');
    await until(() => failed > 0);
    expect((await post(system.url, client, '{"no":4}')).status).toBe(503);
    expect(await rows()).toEqual([1, 2]);
    await readOnly("off");
    const counts = { accepted: 3, rejected: 0, created: 3 };
    expect(await ended(system, client, id)).toMatchObject({ status: "completed", counts });
    const later = await until(async () => {
      const response = await post(system.url, client, '{"no":4}');
      return response.status === 202 && ((await response.json()) as { id: string });
    });
    expect(await ended(system, client, later.id)).toMatchObject({ status: "completed", counts: { created: 1 } });
    expect(await rows()).toEqual([1, 2, 3, 4]);
  });
});
