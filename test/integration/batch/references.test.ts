/** `checkReferences`: an unknown reference is an error of its record, found before anything of the batch is delivered. */
import { DatabaseUnavailable } from "../../../database/errors.ts";
import { accepted, get, lines, newClient } from "../../helpers/http.ts";
import { quick, type System, startSystem } from "../../helpers/system.ts";
import { ended, select, storeOf } from "./kit.ts";

let system: System;
beforeAll(async () => {
  system = await startSystem({ env: { ...quick, TABLES_ALLOWED: "*" } });
});
afterAll(() => system.stop());

const isPostgres = process.env.TEST_DATABASE === "postgres";
const run = async (...all: string[]) => {
  for (const sql of all) await select(system, sql);
};
beforeEach(() =>
  run(
    ...["orders", "sites", "customers"].map((name) => `DROP TABLE IF EXISTS ${name}`),
    "CREATE TABLE customers (id integer PRIMARY KEY)",
    "CREATE TABLE sites (country varchar(2), code integer, PRIMARY KEY (country, code))",
    "INSERT INTO customers VALUES (1)",
    "INSERT INTO sites VALUES ('pt', 1)",
    `CREATE TABLE orders (no integer PRIMARY KEY, customer integer CONSTRAINT fk_customer REFERENCES customers,
      parent integer REFERENCES orders (no), country varchar(2), site integer, FOREIGN KEY (country, site) REFERENCES sites)`,
  ),
);
afterEach(() => jest.restoreAllMocks());

const whole = { type: "integer" };
const schema = {
  properties: { no: whole, customer: whole, parent: whole, country: { type: "string" }, site: whole },
  required: ["no"],
};
const table = { name: "orders", mode: "upsert", checkReferences: true };
const policy = { schema, handler: "table", table, onInvalid: "rejectBatch", chunkRecords: 2 };

interface Told {
  record: number;
  errors: { field: string; code: string; message: string; value?: string }[];
}

async function imported(over: object, ...records: object[]) {
  const client = await newClient(system.url, { ...policy, ...over });
  const { id } = await accepted(system.url, client, records.map((one) => JSON.stringify(one)).join("\n"));
  const batch = await ended(system, client, id);
  const told = await lines<Told>(get(system.url, client, `/imports/${id}/errors`));
  const faults = told.flatMap(({ record, errors }) => errors.map((one) => [record, one.code, one.field, one.value]));
  const rows = await select<{ no: number }>(system, "SELECT no FROM orders ORDER BY no");
  return { batch, told, faults, rows: rows.map(({ no }) => no) };
}

test("rejectBatch: nothing is delivered, and each unknown reference is reported with its field and value", async () => {
  const { batch, told, faults, rows } = await imported(
    {},
    { no: 1, customer: 1 },
    { no: 2, customer: 9, parent: 1 },
    { no: 3, customer: 1, country: "pt", site: 1 },
    { no: 4, customer: 8, country: "pt", site: 2 },
    // A key with a NULL refers to nothing.
    { no: 5, country: "xx" },
  );
  expect(batch).toMatchObject({ status: "failed", error: { code: "invalid-records" }, counts: { accepted: 0 } });
  const [second, fourth] = [
    [2, "reference", "customer", "9"],
    [4, "reference", "customer", "8"],
  ];
  // With a key of several columns no single column is at fault.
  expect(faults.sort()).toEqual([second, [4, "reference", "country", undefined], fourth].sort());
  expect(told[0]?.errors[0]?.message).toBe("refers to a row that is not there");
  expect(rows).toEqual([]);
});

test("a validateOnly upload reports unknown references", async () => {
  const client = await newClient(system.url, { ...policy, onInvalid: "skip" });
  const records = '{"no":1}\n{"no":2,"customer":9}\n{"no":3,"parent":1}';
  const headers = { authorization: client.auth, "content-type": "application/x-ndjson" };
  const url = `${system.url}/imports?validateOnly=true`;
  const { id } = (await (await fetch(url, { method: "POST", headers, body: records })).json()) as { id: string };
  expect(await ended(system, client, id)).toMatchObject({ status: "validated", counts: { accepted: 2, rejected: 1 } });
  expect(await select(system, "SELECT no FROM orders")).toEqual([]);
});

test("a batch whose references are all there is delivered", async () => {
  const { batch, rows } = await imported(
    {},
    { no: 1, customer: 1 },
    { no: 2, parent: 1 },
    { no: 3, country: "pt", site: 1 },
  );
  expect(batch).toMatchObject({ status: "completed", counts: { created: 3 } });
  expect(rows).toEqual([1, 2, 3]);
});

test("a reference to the table itself may lead to a row, to an earlier record of the batch, or to the record itself", async () => {
  await run("INSERT INTO orders (no) VALUES (50)");
  const { faults } = await imported(
    {},
    { no: 1, parent: 50 },
    { no: 2, parent: 3 },
    { no: 3, parent: 3 },
    { no: 4, parent: 1 },
    // Record 1 is rejected, so its row does not exist.
    { no: 5, parent: 2 },
    { no: 6, parent: 5 },
    { no: 7, parent: 6 },
  );
  expect(faults).toEqual([
    [2, "reference", "parent", "3"],
    [5, "reference", "parent", "2"],
    [6, "reference", "parent", "5"],
    [7, "reference", "parent", "6"],
  ]);
});

test("a worker that goes on with the check knows the records of the chunks before", async () => {
  const store = storeOf(system);
  const { readChunk } = store;
  let isCut = false;
  jest.spyOn(store, "readChunk").mockImplementation((id, no) => {
    const cuts = no === 2 && !isCut;
    isCut ||= cuts;
    return cuts ? Promise.reject(new DatabaseUnavailable("away")) : readChunk(id, no);
  });
  const records = [1, 2, 3, 4, 5, 6].map((no) => ({ no, ...(no > 1 && { parent: no === 6 ? 9 : 1 }) }));
  const { faults } = await imported({}, ...records);
  expect(isCut).toBe(true);
  expect(faults).toEqual([[6, "reference", "parent", "9"]]);
});

test("without rejectBatch the other records are rows, and the whole chunk is written at once", async () => {
  const commits = jest.spyOn(storeOf(system), "commitChunk");
  const { batch, faults, rows } = await imported(
    { onInvalid: "skip" },
    { no: 1, customer: 9 },
    { no: 2, customer: 1 },
    { no: 3, parent: 2 },
  );
  expect(batch).toMatchObject({ status: "completed_with_errors", counts: { created: 2, rejected: 1 } });
  expect([faults, rows]).toEqual([[[1, "reference", "customer", "9"]], [2, 3]]);
  const first = await commits.mock.results[0]?.value;
  expect(first.table.refused).toEqual([]);
});

test("records that delete their row refer to nothing", async () => {
  await run("INSERT INTO orders (no) VALUES (1)");
  const marked = { ...schema, properties: { ...schema.properties, op: { type: "string" } } };
  const into = { ...table, delete: { field: "op", values: ["D"] } };
  const { batch } = await imported({ schema: marked, table: into }, { no: 1, customer: 9, op: "D" });
  expect(batch).toMatchObject({ status: "completed", counts: { deleted: 1 } });
});

(isPostgres ? test : test.skip)("what the dataset says of the constraint is told", async () => {
  const messages = { fk_customer: { field: "customer_no", code: "unknown-customer", message: "No such customer." } };
  const { faults } = await imported({ table: { ...table, messages } }, { no: 1, customer: 9 });
  expect(faults).toEqual([[1, "unknown-customer", "customer_no", "9"]]);
});

test("if the table's collation treats different letters as equal, the table itself judges references within the batch", async () => {
  const text = isPostgres ? "text COLLATE folded" : "text COLLATE NOCASE";
  if (isPostgres)
    await run("CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false)");
  await run("DROP TABLE orders", `CREATE TABLE orders (no ${text} PRIMARY KEY, parent ${text} REFERENCES orders (no))`);
  const texts = { properties: { no: { type: "string" }, parent: { type: "string" } }, required: ["no"] };
  const { batch } = await imported({ schema: texts }, { no: "A" }, { no: "b", parent: "a" });
  expect(batch).toMatchObject({ status: "completed", counts: { created: 2 } });
  await run("DROP TABLE orders");
  if (isPostgres) await run("DROP COLLATION folded");
});
