/** The handler "table" with another database of SQL Server, if TEST_MSSQL_URL or Docker provides one. */
import { DatabaseUnavailable } from "../../../database/errors.ts";
import { accepted, admin, newClient, type TestClient } from "../../helpers/http.ts";
import { describeMssql, freshMssqlDatabase, type OwnDatabase, onMssql } from "../../helpers/mssql.ts";
import { until } from "../../helpers/patience.ts";
import { quick, type System, startSystem } from "../../helpers/system.ts";
import { body, cancel, codesOf, four, half, hangBetween, policy, schema, table, whole } from "./elsewhere.kit.ts";
import { ended, storeOf } from "./kit.ts";

let system: System;
let crm: OwnDatabase;
let client: TestClient;

/**
 * Runs statements in the other database, each by itself. CREATE TRIGGER must be the first statement of its batch, so EXEC runs
 * it.
 */
const ask = <T>(sql: string) =>
  onMssql<T>(`USE ${new URL(crm.url).pathname.slice(1)}; EXEC (N'${sql.replaceAll("'", "''")}')`);
const numbers = async () => (await ask<{ no: number }>("SELECT no FROM orders ORDER BY no")).map(({ no }) => no);
const applied = () => ask("SELECT * FROM dataflow_applied");
const upload = (...records: object[]) => accepted(system.url, client, body(...records));

describeMssql("a table in another SQL Server", () => {
  beforeAll(async () => {
    crm = await freshMssqlDatabase();
    const env = {
      ...quick,
      LOG_LEVEL: "fatal",
      TABLES_ALLOWED: "crm:*.*",
      TABLE_DATABASES: `crm=${crm.url}`,
    };
    system = await startSystem({ env });
  });
  afterAll(async () => {
    await system.stop();
    await crm.drop();
  });
  beforeEach(async () => {
    await ask(`DROP TABLE IF EXISTS orders; DROP TABLE IF EXISTS customers; CREATE TABLE customers (id int PRIMARY KEY);
      CREATE TABLE orders (no int PRIMARY KEY, customer int REFERENCES customers (id), city nvarchar(10))`);
    client = await newClient(system.url, policy);
  });
  afterEach(() => jest.restoreAllMocks());

  async function expectWhole(id: string) {
    expect(await ended(system, client, id)).toMatchObject({ status: "completed_with_errors", counts: whole });
    expect(await numbers()).toEqual([1, 3, 4]);
    expect(await codesOf(system, client, id)).toEqual([[2, "reference", "customer"]]);
  }

  test("rows, counts and errors tell the same, and nothing of the batch stays in dataflow_applied", async () => {
    const { id } = await upload(...four);
    await expectWhole(id);
    await until(async () => (await applied()).length === 0);
  });

  test("DataFlow's own commit fails after the one there: the chunk comes again, and finds itself written", async () => {
    const away = new DatabaseUnavailable("away");
    const commits = jest.spyOn(storeOf(system), "commitChunk").mockRejectedValueOnce(away).mockRejectedValueOnce(away);
    const { id } = await upload(...four);
    await until(() => commits.mock.calls.length > 2);
    await expectWhole(id);
  });

  test("a batch that is cancelled between the two commits has what is written in its counts", async () => {
    const between = hangBetween(system);
    const { id } = await upload(...four);
    await between.reached;
    expect((await cancel(system, id)).status).toBe(200);
    between.go();
    expect(await between.late).toBeNull();
    expect(await ended(system, client, id)).toMatchObject({ status: "cancelled", counts: half });
    expect(await numbers()).toEqual([1, 3]);
  });

  test("a trigger that ends the transaction: the chunk begins again without that row", async () => {
    await ask(`CREATE TRIGGER strict ON orders AFTER INSERT AS
      IF EXISTS (SELECT 1 FROM inserted WHERE no = 3) BEGIN ROLLBACK; THROW 50001, N'no', 1; END`);
    const { id } = await upload({ no: 1 }, { no: 3 }, { no: 4 }, { no: 5 });
    expect(await ended(system, client, id)).toMatchObject({ counts: { accepted: 3, rejected: 1, created: 3 } });
    expect(await codesOf(system, client, id)).toEqual([[2, "constraint", ""]]);
    expect(await numbers()).toEqual([1, 4, 5]);
  });

  test("more rows than one request has, of which the table refuses one", async () => {
    client = await newClient(system.url, { ...policy, chunkRecords: 1_000 });
    const records = Array.from({ length: 450 }, (_, i) => ({ no: i + 1, ...(i === 440 && { customer: 9 }) }));
    const { id } = await upload(...records);
    expect(await ended(system, client, id)).toMatchObject({ counts: { accepted: 449, rejected: 1, created: 449 } });
    expect(await numbers()).toHaveLength(449);
  });

  test("a table that is missing is made, and a column of bytes is refused", async () => {
    await ask("DROP TABLE orders; CREATE TABLE files (no int PRIMARY KEY, city varbinary(max))");
    const put = (name: string, about: object) =>
      admin(system.url, `/datasets/${name}`, {
        method: "PUT",
        body: JSON.stringify({ schema, handler: "table", table: { ...table, ...about } }),
      });
    const columns = { no: "no", city: "city" };
    expect((await put("made", { create: true, key: ["no"], columns })).status).toBe(201);
    expect(await numbers()).toEqual([]);
    const refused = await put("bytes", { name: "files", columns });
    expect(refused.status).toBe(422);
    expect(await refused.json()).toMatchObject({ errors: [{ pointer: "/table/columns/city" }] });
  });
});
