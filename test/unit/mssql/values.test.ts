/**
 * The promise: the driver sends each parameter in exactly the type of its column, because another type would make the column's
 * index useless.
 */
import mssql from "mssql";
import * as tedious from "tedious";
import {
  big,
  bool,
  bytes,
  float,
  hash,
  int,
  kinds,
  name,
  text,
  uuid,
  type Value,
} from "../../../database/dialects/mssql/sql.ts";
import type { Kind } from "../../../database/dialects/mssql/values.ts";

interface Sized {
  type: () => unknown;
  length?: number;
}
/** Members of a type that the driver has but does not declare for TypeScript. */
interface Driven {
  generateParameterLength(of: { value: unknown; length?: number }): Buffer;
  generateParameterData(of: { value: unknown; length?: number }): Iterable<Buffer>;
}
/** The declaration of a parameter for sp_executesql. */
const declared = ({ type, value }: Value): string => {
  const { type: kind, length } = type as unknown as Sized;
  const driven = Object.values(tedious.TYPES).find((one) => one.name.toLowerCase() === kind.name.toLowerCase());
  if (!driven) throw new Error(kind.name);
  return driven.declaration({ type: driven, name: "x", value, length } as never);
};
const hex = "0a".repeat(32);
const ID = "01930000-0000-7000-8000-00000000000a";

test.each<[string, Value, unknown]>([
  ["bigint", big(2 ** 53 - 1), 9007199254740991],
  ["bigint", big(null), null],
  ["int", int(-1), -1],
  ["float", float(0.5), 0.5],
  ["bit", bool(true), true],
  ["nvarchar(max)", text("ü\u{1F600}"), "ü\u{1F600}"],
  ["nvarchar(max)", text(""), ""],
  ["nvarchar(max)", text(null), null],
  ["nvarchar(255)", name("x"), "x"],
  ["nvarchar(255)", name(""), ""],
  ["nvarchar(255)", name(null), null],
  ["nvarchar(max)", name("x".repeat(256)), "x".repeat(256)],
  ["uniqueidentifier", uuid(ID), ID],
  ["uniqueidentifier", uuid(null), null],
  ["binary(32)", hash(hex), Buffer.alloc(32, 10)],
  ["binary(32)", hash(Buffer.alloc(32, 10)), Buffer.alloc(32, 10)],
  ["binary(32)", hash(null), null],
  ["varbinary(max)", bytes(Buffer.from("x")), Buffer.from("x")],
  ["varbinary(max)", bytes(null), null],
])("%s: %j", (declaration, value, sent) => {
  expect(declared(value)).toBe(declaration);
  expect(value.value).toEqual(sent);
});

test("half a surrogate pair and NUL become U+FFFD", () => {
  expect([text("a\ud800b\0"), name("\udc00")].map(({ value }) => value)).toEqual(["a\uFFFDb\uFFFD", "\uFFFD"]);
});

test("BIGINT comes as a number", () => {
  const { valueHandler } = mssql as unknown as { valueHandler: Map<unknown, (value: unknown) => unknown> };
  const convert = valueHandler.get(mssql.TYPES.BigInt);
  expect(["9007199254740991", "0", null].map((one) => convert?.(one))).toEqual([9007199254740991, 0, null]);
});

test("a staged table is loaded with the types that it is made of", () => {
  const made = Object.fromEntries(
    Object.entries(kinds).map(([kind, { sql, type }]) => [
      declared({ type: type(), value: null }),
      sql.split(" ")[0]?.toLowerCase() ?? kind,
    ]),
  );
  for (const [sent, column] of Object.entries(made)) expect(sent).toBe(column);
  expect(Object.keys(made)).toHaveLength(Object.keys(kinds).length);
});

test.each<[Kind, Buffer | null]>([
  [kinds.hash, Buffer.alloc(32, 1)],
  [kinds.hash, null],
  [kinds.key, Buffer.alloc(16, 1)],
  [kinds.key, Buffer.alloc(32, 1)],
  [kinds.key, null],
])("the driver sends %j as long as it says: %p", ({ type }, value) => {
  const { length } = type() as unknown as Sized;
  const { name } = (type() as unknown as Sized).type;
  const driven = Object.values(tedious.TYPES).find((one) => one.name === name) as unknown as Driven;
  const said = driven.generateParameterLength({ value, length }).readUInt16LE();
  const sent = Buffer.concat([...driven.generateParameterData({ value, length })]);
  expect(said).toBe(value === null ? 0xffff : sent.length);
  expect(sent).toEqual(value ?? Buffer.alloc(0));
});
