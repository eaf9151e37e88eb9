/** What is loaded before a batch: the table as it is made, and as the driver is given it. */
import { bulkOf, tableText } from "../../../database/dialects/mssql/staging.ts";
import { kinds } from "../../../database/dialects/mssql/values.ts";

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
