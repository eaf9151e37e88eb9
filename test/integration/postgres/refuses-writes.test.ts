/**
 * The promise: when PostgreSQL is read-only or full, or has a table locked, callers get 503, nothing is half stored, and
 * everything works once writes are accepted again.
 */
import pg from "pg";
import { openDatabase } from "../../../database/database.ts";
import { describePostgres, freshSchema, onServer, POSTGRES_URL, type Schema } from "../../helpers/database.ts";
import { accepted, type Batch, batchWhen, get, newClient, post, type TestClient } from "../../helpers/http.ts";
import { until } from "../../helpers/patience.ts";
import { type System, startSystem } from "../../helpers/system.ts";

const ROLE = `dataflow_reader_${process.pid}`;
const PASSWORD = "only-for-tests";

let schema: Schema;
let system: System;
let client: TestClient;

const name = () => /search_path=(\w+)/.exec(decodeURIComponent(schema.url))?.[1] as string;
/** The URL of the schema for a user of the test's own. Settings of this user affect nothing else. */
function urlOfRole(): string {
  const url = new URL(schema.url);
  url.username = ROLE;
  url.password = PASSWORD;
  return url.href;
}

/** Makes new and open connections read-only, or ends that. */
async function readOnly(isOn: boolean): Promise<void> {
  await onServer(`ALTER ROLE ${ROLE} SET default_transaction_read_only = ${isOn}`);
  await onServer(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${ROLE}'`);
}

describePostgres("a PostgreSQL that takes no writes", () => {
  beforeAll(async () => {
    schema = await freshSchema();
    await onServer(`CREATE ROLE ${ROLE} LOGIN PASSWORD '${PASSWORD}'`);
    await onServer(`ALTER SCHEMA ${name()} OWNER TO ${ROLE}`);
    const database = await openDatabase({ url: urlOfRole() });
    await database.migrate();
    await database.close();
    system = await startSystem({ env: { DATABASE_URL: urlOfRole(), LOG_LEVEL: "fatal" } });
    client = await newClient(system.url);
  });
  afterAll(async () => {
    await system.stop();
    await schema.drop();
    await onServer(`DROP ROLE ${ROLE}`);
  });

  const readyIs = (wanted: string, code: number) =>
    until(async () => {
      const response = await fetch(`${system.url}/health/ready`);
      return ((await response.json()) as { status: string }).status === wanted && response.status === code;
    });
  const ids = async () =>
    ((await (await get(system.url, client, "/imports")).json()) as { items: Batch[] }).items.map(({ id }) => id);
  const refused = async (body = '{"n":1}\n') => {
    const response = await post(system.url, client, body);
    expect([response.status, await response.json()]).toMatchObject([503, { code: "unavailable" }]);
    expect(response.headers.get("retry-after")).not.toBeNull();
  };
  /** Checks that all earlier data is still stored, and that the next upload is accepted. */
  async function goesOn(before: string[]): Promise<void> {
    const batch = await accepted(system.url, client, '{"n":2}\n');
    expect(await batchWhen(system.url, client, batch.id)).toMatchObject({
      status: "completed",
      counts: { accepted: 1 },
    });
    expect(await ids()).toEqual([batch.id, ...before]);
  }

  test("read-only: the node is not ready, and still answers reads", async () => {
    await goesOn([]);
    const before = await ids();
    await readOnly(true);
    await refused();
    await readyIs("unavailable", 503);
    expect(await ids()).toEqual(before);
    await readOnly(false);
    await readyIs("ok", 200);
    await goesOn(before);
  });

  test("full disk: uploads are refused", async () => {
    const before = await ids();
    await onServer(`CREATE FUNCTION ${name()}.full_disk() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$`);
    await onServer(
      `CREATE TRIGGER full_disk BEFORE INSERT ON ${name()}.batch_chunk EXECUTE FUNCTION ${name()}.full_disk()`,
    );
    await refused();
    await refused('{"text":"some record of a large body"}\n'.repeat(60_000));
    expect(await ids()).toEqual(before);
    await onServer(`DROP TRIGGER full_disk ON ${name()}.batch_chunk`);
    await goesOn(before);
  });

  test("locked table: writes are refused, and work afterwards", async () => {
    const before = await ids();
    const other = new pg.Client(POSTGRES_URL);
    await other.connect();
    await other.query(`BEGIN; LOCK TABLE ${name()}.batch_chunk IN ACCESS EXCLUSIVE MODE`);
    await refused();
    await other.end();
    await goesOn(before);
  });
});
