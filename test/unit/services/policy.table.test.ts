/**
 * The promise: a dataset's table gets its defaults, and faults that need no database are reported with pointers before any
 * database is asked.
 */
import { datasetFaults, datasetForClient, overrideFaults } from "../../../services/policy/policy.dataset.document.ts";
import { completeDataset, datasetOutput, policyInput } from "../../../services/policy/policy.schema.ts";

const around = { isHandler: () => false };
const into = (table: object) => ({ handler: "table", table: { name: "orders", ...table } });
const faults = (document: object) => datasetFaults(document, around).map(({ pointer, detail }) => [pointer, detail]);

test("a table has its defaults", () => {
  expect(completeDataset(into({}) as never).table).toEqual({
    database: null,
    name: "orders",
    mode: "insert",
    key: null,
    columns: null,
    absent: "keep",
    newer: null,
    delete: null,
    create: false,
    checkReferences: false,
    messages: {},
  });
  expect(completeDataset({}).table).toBeNull();
});

test("the whole example of the documentation is right", () => {
  const columns = {
    order_no: "order_id",
    batch: { meta: "batchId" },
    source: { value: "partner" },
    none: { value: null },
    doc: { value: { a: [1] } },
  };
  const messages = { fk: { field: "customer_no", code: "unknown-customer", message: "No such customer." } };
  const table = { database: "crm", name: 'sales."my.orders"', mode: "upsert", key: ["order_no"], columns, messages };
  const rest = { absent: "null", newer: "changed", delete: { field: "op", values: ["D", 1, null] }, create: true };
  expect(faults(into({ ...table, ...rest }))).toEqual([]);
});

test.each<[object, string, RegExp]>([
  [{ handler: "table" }, "/table", /expected a table/],
  [{ handler: "table", table: null }, "/table", /expected a table/],
  [{ table: { name: "orders" } }, "/handler", /expected "table", for there is a table/],
  [{ handler: "store", table: { name: "orders" } }, "/handler", /expected "table"/],
  [{ handler: "table", table: {} }, "/table/name", /missing/],
  [{ handler: "table", table: "orders" }, "/table", /an object of database, name/],
  [into({ checkReferences: "yes" }), "/table/checkReferences", /true or false/],
  [into({ nope: 1 }), "/table/nope", /unknown field/],
  [into({ name: "a.b.c" }), "/table/name", /table or schema.table/],
  [into({ name: 'a"b' }), "/table/name", /quoted/],
  [into({ name: "" }), "/table/name", /table or schema.table/],
  [into({ name: "a\0" }), "/table/name", /table or schema.table/],
  [into({ database: "" }), "/table/database", /or null/],
  [into({ mode: "merge" }), "/table/mode", /"insert" or "ignore" or "upsert" or "update" or "delete"/],
  [into({ key: [] }), "/table/key", /list of 1 to 32/],
  [into({ key: ["a", "a"] }), "/table/key", /each name once/],
  [into({ key: ["a", 1] }), "/table/key/1", /a text/],
  [into({ columns: [] }), "/table/columns", /an object/],
  [into({ columns: { a: 1 } }), "/table/columns/a", /"address.city", \{"meta": …\} or \{"value": …\}/],
  [into({ columns: { "a/b": "" } }), "/table/columns/a~1b", /a text of 1/],
  [into({ columns: { a: {} } }), "/table/columns/a", /a field of the schema/],
  [into({ columns: { a: { meta: "batch" } } }), "/table/columns/a/meta", /"batchId" or "clientId"/],
  [into({ columns: { a: { meta: "json", value: 1 } } }), "/table/columns/a/value", /unknown field/],
  [into({ absent: null }), "/table/absent", /"keep" or "null"/],
  [into({ newer: 1 }), "/table/newer", /or null/],
  [into({ delete: { field: "op" } }), "/table/delete/values", /missing/],
  [into({ delete: { field: "op", values: [] } }), "/table/delete/values", /list of 1 to 100/],
  [into({ create: "yes" }), "/table/create", /true or false/],
  [into({ messages: { fk: { field: "a" } } }), "/table/messages/fk/message", /missing/],
  [into({ messages: { fk: { message: "" } } }), "/table/messages/fk/message", /a text of 1/],
])("%j is wrong", (document, pointer, detail) => {
  expect(faults(document)).toEqual([[pointer, expect.stringMatching(detail)]]);
});

test("a client's override changes neither table nor handler", () => {
  const dataset = completeDataset(into({ key: ["a"] }) as never);
  const of = (override: object) => overrideFaults(dataset, override, around).map(({ pointer }) => pointer);
  expect(of({ table: { mode: "upsert" } })).toEqual(["/table"]);
  expect(of({ table: { key: ["b"] } })).toEqual(["/table"]);
  expect(of({ table: null, handler: "store" })).toEqual(["/handler", "/table"]);
  expect(of({ handler: "store" })).toEqual(["/handler"]);
  expect(of({ table: { mode: "insert" }, maxErrors: 1 })).toEqual([]);
});

test("clients do not see it, and OpenAPI tells its members", () => {
  expect(datasetForClient("orders", completeDataset(into({}) as never))).not.toHaveProperty("table");
  for (const { properties } of [policyInput, datasetOutput]) {
    const members = (properties as never as { table: { properties?: object; anyOf?: { properties?: object }[] } })
      .table;
    const told = members.properties ?? members.anyOf?.find((one) => one.properties)?.properties;
    expect(Object.keys(told ?? {})).toContain("columns");
  }
});
