/** Rows that are loaded before a batch: the statement that makes their table, and the table that the driver gets. */
import { bulkOf, tableText, withFew } from "../../../database/dialects/mssql/staging.ts";
import { kinds, uuid } from "../../../database/dialects/mssql/values.ts";

const records = {
  name: "#records",
  columns: { seq: kinds.big, data: kinds.text, key_hash: kinds.key },
  order: ["seq"],
  rows: [
    [1, '{"n":1}', Buffer.alloc(16)],
    [2, "ü", null],
  ],
};

interface Column {
  name: string;
  type: { name: string };
  length?: number;
  nullable: boolean;
}

test("tables are made anew, their text of the collation that all text has", () => {
  expect(
    tableText([
      records,
      { name: "#errors", columns: { n: kinds.int, code: kinds.name }, order: ["n", "code"], rows: [] },
    ]).split("\n"),
  ).toEqual([
    'DROP TABLE IF EXISTS #records; CREATE TABLE #records ("seq" BIGINT NULL, "data" NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2 NULL, "key_hash" VARBINARY(32) NULL); CREATE CLUSTERED INDEX staged_ix ON #records ("seq");',
    'DROP TABLE IF EXISTS #errors; CREATE TABLE #errors ("n" INT NULL, "code" NVARCHAR(255) COLLATE Latin1_General_100_BIN2 NULL); CREATE CLUSTERED INDEX staged_ix ON #errors ("n", "code");',
  ]);
});

test("the driver is given the same columns, each time new ones, and all rows", () => {
  const [first, second] = [bulkOf(records), bulkOf(records)];
  const columns = (first.columns as unknown as Column[]).map((of) => [of.name, of.type.name, of.length, of.nullable]);
  expect(columns).toEqual([
    ["seq", "BigInt", undefined, true],
    ["data", "NVarChar", 65_535, true],
    ["key_hash", "VarBinary", 32, true],
  ]);
  expect(first.columns[0]).not.toBe(second.columns[0]);
  expect([...first.rows]).toEqual(records.rows);
  expect((first as unknown as { temporary: boolean }).temporary).toBe(true);
});

test("rows are loaded in the order that the server is told, whatever the order they came in", () => {
  const rows = [
    [3, 1],
    [1, 2],
    [1, 1],
    [20, 0],
  ].map(([seq, n]) => [seq, n, Buffer.from([n as number])]);
  const columns = { seq: kinds.big, n: kinds.int, key_hash: kinds.key };
  const places = (order: string[]) =>
    [...bulkOf({ name: "#a", columns, order, rows }).rows].map(([seq, n]) => [seq, n]);
  expect(places(["seq", "n"])).toEqual([
    [1, 1],
    [1, 2],
    [3, 1],
    [20, 0],
  ]);
  expect(places(["key_hash"]).map(([, n]) => n)).toEqual([0, 1, 1, 2]);
});

test("few rows are sent with their batch", () => {
  const few = withFew(
    [records, { name: "#none", columns: { n: kinds.int }, order: ["n"], rows: [] }],
    "SELECT 1 FROM #records, #none, #recordsets WHERE @id = 1;",
    { id: uuid("x") },
  );
  expect(`\n${few?.text}\n`).toMatchSnapshot();
  const values = Object.entries(few?.values ?? {}).map(([name, { value }]) => [name, value]);
  expect(Object.fromEntries(values)).toEqual({
    id: "x",
    recordsRows: JSON.stringify([
      { seq: 1, data: '{"n":1}', key_hash: "00".repeat(16) },
      { seq: 2, data: "ü", key_hash: null },
    ]),
    noneRows: "[]",
  });
});

test("few are 256 rows of 64 kB in all", () => {
  const isFew = (rows: unknown[][]) =>
    withFew([{ name: "#a", columns: { n: kinds.text }, order: ["n"], rows }], "", {}) !== null;
  expect(isFew(Array.from({ length: 256 }, () => ["x"]))).toBe(true);
  expect(isFew(Array.from({ length: 257 }, () => ["x"]))).toBe(false);
  expect(isFew([["x".repeat(32 * 1024)]])).toBe(true);
  expect(isFew([["x".repeat(32 * 1024)], ["x"]])).toBe(false);
});
