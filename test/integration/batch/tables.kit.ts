/** A table of orders on the database of the test run, into which batches are delivered. */
import { accepted, admin, type Batch, get, lines, type TestClient } from "../../helpers/http.ts";
import { quick, type System, startSystem } from "../../helpers/system.ts";
import { ended, select, storeOf } from "./kit.ts";

export let system: System;

export async function run(...all: string[]): Promise<void> {
  for (const sql of all) await select(system, sql);
}

export const rows = () => select(system, "SELECT no, customer, city FROM orders ORDER BY no");

export const asOperator = async (id: string) => (await admin(system.url, `/batches/${id}`)).json() as Promise<Batch>;

export const schema = {
  type: "object",
  properties: { no: { type: "integer" }, customer: { type: "integer" }, city: { type: "string", maxLength: 20 } },
  required: ["no"],
};

export const table = { name: "orders", mode: "upsert" };

export const policy = { schema, handler: "table", table, chunkRecords: 3 };

export const body = (...records: object[]) => records.map((one) => JSON.stringify(one)).join("\n");

export async function imported(client: TestClient, ...records: object[]) {
  const { id } = await accepted(system.url, client, body(...records));
  return { id, batch: await ended(system, client, id) };
}

export const errorsOf = (client: TestClient, id: string) =>
  lines<{ record: number; line: number; errors: { field: string; code: string; value?: string }[] }>(
    get(system.url, client, `/imports/${id}/errors`),
  );

export const codesOf = async (client: TestClient, id: string) =>
  (await errorsOf(client, id)).map(({ record, line, errors: [first] }) => [record, line, first?.code, first?.field]);

export const TABLE = `CREATE TABLE orders (no integer PRIMARY KEY, customer integer REFERENCES customers (id),
  city varchar(10) DEFAULT 'Lisboa')`;

export const isPostgres = process.env.TEST_DATABASE === "postgres";

/** Alters the table once the first chunk of the next batch is committed. */
export function alterAfterFirstChunk(sql: string): void {
  const store = storeOf(system);
  const commit = store.commitChunk.bind(store);
  const spy = jest.spyOn(store, "commitChunk").mockImplementation(async (chunk) => {
    const done = await commit(chunk);
    spy.mockRestore();
    await run(sql);
    return done;
  });
}

export const five = [1, 2, 3, 4, 5].map((no) => ({ no, city: "Faro" }));

/** Starts what the tests share, and stops it after them. */
export function startOrders(): void {
  beforeAll(async () => {
    const env = { ...quick, TABLES_ALLOWED: "*" };
    system = await startSystem({ env });
  });
  afterAll(() => system.stop());
  beforeEach(() =>
    run(
      "DROP TABLE IF EXISTS orders",
      "DROP TABLE IF EXISTS customers",
      "CREATE TABLE customers (id integer PRIMARY KEY)",
      "INSERT INTO customers VALUES (1)",
      TABLE,
    ),
  );
}
