/** What is loaded before a batch: the table as it is made, and as the driver is given it. */
import { bulkOf, tableText, withFew } from "../../../database/dialects/mssql/staging.ts";
import { kinds, uuid } from "../../../database/dialects/mssql/values.ts";

const records = {
  name: "#records",
  columns: { seq: kinds.big, data: kinds.text, key_hash: kinds.key },
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
    tableText([records, { name: "#errors", columns: { n: kinds.int, code: kinds.name }, rows: [] }]).split("\n"),
  ).toEqual([
    'DROP TABLE IF EXISTS #records; CREATE TABLE #records ("seq" BIGINT NULL, "data" NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2 NULL, "key_hash" VARBINARY(32) NULL);',
    'DROP TABLE IF EXISTS #errors; CREATE TABLE #errors ("n" INT NULL, "code" NVARCHAR(255) COLLATE Latin1_General_100_BIN2 NULL);',
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

test("a few rows come with their batch", () => {
  const few = withFew(
    [records, { name: "#none", columns: { n: kinds.int }, rows: [] }],
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
  const isFew = (rows: unknown[][]) => withFew([{ name: "#a", columns: { n: kinds.text }, rows }], "", {}) !== null;
  expect(isFew(Array.from({ length: 256 }, () => ["x"]))).toBe(true);
  expect(isFew(Array.from({ length: 257 }, () => ["x"]))).toBe(false);
  expect(isFew([["x".repeat(32 * 1024)]])).toBe(true);
  expect(isFew([["x".repeat(32 * 1024)], ["x"]])).toBe(false);
});
