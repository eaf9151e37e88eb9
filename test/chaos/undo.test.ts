/** The promise: a node that is killed while it takes batches back leaves nothing half undone, and counts are exact. */
import { DatabaseSync } from "node:sqlite";
import { accepted, admin, type Batch, batchWhen, newClient, type TestClient } from "../helpers/http.ts";
import { killLeftOvers, startProcess, temporaryFolder, untilFile } from "../helpers/process.ts";

const place = temporaryFolder();
const env = { DATABASE_URL: place.databaseUrl, SWEEP_INTERVAL: "100ms", TABLES_ALLOWED: "*" };
afterAll(() => {
  killLeftOvers();
  place.remove();
});

const MANY = 12_000;
const lines = (of: (n: number) => object) =>
  Array.from({ length: MANY }, (_, i) => JSON.stringify(of(i + 1))).join("\n");

test("records, rows and marks go whole, once, however often the node is killed", async () => {
  const file = new DatabaseSync(place.file);
  file.exec("CREATE TABLE staff (no INTEGER PRIMARY KEY, batch TEXT); CREATE INDEX staff_batch ON staff (batch)");
  file.close();
  let running = await startProcess(env);
  const schema = { properties: { n: { type: "integer" } } };
  const table = { name: "staff", mode: "insert", columns: { no: "n", batch: { meta: "batchId" } } };
  const keyed = await newClient(running.url, { uniqueKey: "n" });
  const rows = await newClient(running.url, { schema, handler: "table", table });
  const corrects = await newClient(running.url, { schema });
  const imported = async (client: TestClient, body: string) => {
    const { id } = await accepted(running.url, client, body);
    await batchWhen(running.url, client, id);
    return id;
  };
  const [one, other] = [
    await imported(
      keyed,
      lines((n) => ({ n })),
    ),
    await imported(
      rows,
      lines((n) => ({ n })),
    ),
  ];
  for (const client of [keyed, rows]) await imported(client, `{"n":${MANY + 1}}`);
  const first = await imported(
    corrects,
    lines(() => ({ n: "x" })),
  );
  const headers = { authorization: corrects.auth, "content-type": "application/x-ndjson" };
  const body = lines((n) => ({ _record: n, n }));
  const sent = await fetch(`${running.url}/imports?corrects=${first}`, { method: "POST", headers, body });
  const { id: correction } = (await sent.json()) as Batch;
  expect(await batchWhen(running.url, corrects, correction)).toMatchObject({ counts: { accepted: MANY } });

  const all = [one, other, correction];
  for (const id of all)
    await admin(running.url, `/batches/${id}/undo`, { method: "POST", body: JSON.stringify({ reason: "killed" }) });
  for (const [name, left] of [
    ["staff", MANY],
    ["record_key", 2 * MANY],
  ]) {
    await untilFile(place, `SELECT count(*) <= ${left} FROM ${name}`);
    await running.stop("SIGKILL");
    running = await startProcess(env);
  }
  const clients = [keyed, rows, corrects];
  for (const [i, id] of all.entries())
    await batchWhen(running.url, clients[i] as TestClient, id, ({ status }) => status === "undone");
  expect((await running.stop()).code).toBe(0);
  const after = new DatabaseSync(place.file);
  const count = (sql: string) => Object.values(after.prepare(`SELECT count(*) FROM ${sql}`).get() as object)[0];
  expect(["staff", "record", "record_key", "batch WHERE corrected IS NOT NULL"].map(count)).toEqual([1, 2, 1, 0]);
  after.close();
});
