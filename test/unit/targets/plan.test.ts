/**
 * The promise: a dataset that fits its table gets a plan. Otherwise all faults are reported at once, with pointers under /table.
 */
import { planTable } from "../../../database/targets/plan.ts";
import type { TableDocument, TargetTable } from "../../../database/targets/target.ts";
import { column, tableOf } from "../../helpers/targets.ts";

const int4 = { least: "-2147483648", most: "2147483647" };

/** The table `orders` as PostgreSQL's catalog describes it. */
const orders = tableOf(
  [
    column("id", { kind: "integer", isNotNull: true, isReadOnly: true, hasDefault: true }),
    column("order_no", { isNotNull: true, maxLength: { units: "characters", most: 20 } }),
    column("amount", { kind: "decimal", precision: 10, scale: 2 }),
    column("qty", { kind: "integer", range: int4 }),
    column("city"),
    column("day", { kind: "date" }),
    column("at", { kind: "timestamptz" }),
    column("ref", { kind: "uuid" }),
    column("paid", { kind: "boolean", isNotNull: true, hasDefault: true }),
    column("doc", { kind: "json" }),
    column("tags", { kind: "array", element: "text" }),
    column("place", { kind: "other", type: "point" }),
    column("sum", { kind: "decimal", isReadOnly: true }),
  ],
  {
    name: "orders",
    schema: "sales",
    keys: [
      { name: "orders_pkey", columns: ["id"], isPrimary: true },
      { name: "orders_no", columns: ["order_no"], isPrimary: false },
      { name: "orders_city_day", columns: ["city", "day"], isPrimary: false },
    ],
  },
);

const schema = {
  type: "object",
  properties: {
    order_id: { type: "string" },
    unit_price: { type: ["number", "null"] },
    qty: { type: "integer" },
    address: { type: "object", properties: { city: { type: "string" } } },
    "a.b": { type: "string" },
    day: { type: "string", format: "date" },
    at: { type: "string", format: "date-time" },
    flag: { type: "boolean" },
    tags: { type: "array", items: { type: "string" } },
    numbers: { type: "array", items: { type: "object" } },
    lists: { type: "array", items: { type: "array", items: { type: "string" } } },
    op: {},
  },
};

const whole: TableDocument = {
  database: null,
  name: "sales.orders",
  mode: "upsert",
  key: ["order_no"],
  columns: { order_no: "order_id" },
  absent: "keep",
  newer: null,
  delete: null,
  create: false,
  messages: {},
};

const planned = (about: Partial<TableDocument>, table: TargetTable = orders, of: object = schema) =>
  planTable({ ...whole, ...about }, of, table);

/** The pointers and messages of the faults. */
function faultsOf(...args: Parameters<typeof planned>): [string, string][] {
  const found = planned(...args);
  return "faults" in found ? found.faults.map(({ pointer, detail }) => [pointer, detail]) : [];
}

const mapped = (columns: TableDocument["columns"]): Partial<TableDocument> => ({
  columns: { order_no: "order_id", ...columns },
});

test("a plan has the key, and where each column's value comes from", () => {
  const found = planned({
    columns: {
      order_no: "order_id",
      city: "address.city",
      amount: "unit_price",
      ref: { meta: "batchId" },
      qty: { value: 1 },
    },
    newer: "city",
    delete: { field: "op", values: ["D"] },
  });
  expect(found).toEqual({
    plan: {
      table: orders,
      mode: "upsert",
      key: ["order_no"],
      columns: [
        { column: orders.columns[1], source: { path: ["order_id"] } },
        { column: orders.columns[4], source: { path: ["address", "city"] } },
        { column: orders.columns[2], source: { path: ["unit_price"] } },
        { column: orders.columns[7], source: { meta: "batchId" } },
        { column: orders.columns[3], source: { value: 1 } },
      ],
      absent: "keep",
      newer: { column: orders.columns[4], source: { path: ["address", "city"] } },
      delete: { path: ["op"], values: ["D"] },
      messages: {},
      references: [],
    },
  });
});

test("without columns each property goes to the column of its name, but for a marker that has none", () => {
  const own = { properties: { order_no: {}, qty: { type: "integer" }, op: {} } };
  const found = planned({ columns: null, delete: { field: "op", values: ["D"] } }, orders, own);
  expect("plan" in found && found.plan.columns.map(({ column: { name } }) => name)).toEqual(["order_no", "qty"]);
  expect(faultsOf({ columns: null }, orders, own)).toEqual([
    ["/table/columns", expect.stringMatching(/no column for the property "op"; it has id, order_no/)],
  ]);
});

test("the key is the primary key where none is named, and insert may have none", () => {
  const table = tableOf([column("a"), column("b")], { keys: [{ name: "k", columns: ["a", "b"], isPrimary: true }] });
  const keyOf = (about: Partial<TableDocument>, of = table) => {
    const found = planned({ key: null, ...about }, of, { properties: { a: {}, b: {} } });
    return "plan" in found ? found.plan.key : found.faults;
  };
  expect(keyOf({ columns: null })).toEqual(["a", "b"]);
  expect(keyOf({ columns: { a: "a" }, mode: "insert" })).toEqual([]);
  expect(keyOf({ columns: { a: "a" } })).toMatchObject(
    [{ pointer: "/table/key", detail: /"b" of the primary key/ }].map(like),
  );
  expect(keyOf({ columns: null, mode: "insert" }, { ...table, keys: [] })).toEqual([]);
  expect(keyOf({ columns: null, mode: "ignore" }, { ...table, keys: [] })).toMatchObject([
    { pointer: "/table/key", detail: "the table has no usable key: expected the columns of one" },
  ]);
});

const like = ({ pointer, detail }: { pointer: string; detail: RegExp }) => ({
  pointer,
  detail: expect.stringMatching(detail),
});

test("delete needs the columns of its key alone", () => {
  const table = tableOf([column("a"), column("b", { isNotNull: true })], {
    keys: [{ name: "k", columns: ["a"], isPrimary: true }],
  });
  const found = planned({ mode: "delete", key: null, columns: null }, table, { properties: { a: {}, zzz: {} } });
  expect("plan" in found && found.plan.columns.map(({ column: { name } }) => name)).toEqual(["a"]);
});

test.each<[Partial<TableDocument>, string, RegExp]>([
  // Columns and fields.
  [mapped({ nope: "qty" }), "/table/columns/nope", /no such column; it has id, order_no, amount/],
  [mapped({ "a/b~c": "qty" }), "/table/columns/a~1b~0c", /no such column/],
  [mapped({ QTY: "qty" }), "/table/columns/QTY", /no such column/],
  [mapped({ qty: "nope" }), "/table/columns/qty", /schema has no such field/],
  [mapped({ city: "address.zip" }), "/table/columns/city", /schema has no such field/],
  [mapped({ sum: "unit_price" }), "/table/columns/sum", /database fills this column itself/],
  [mapped({ id: { value: 1 } }), "/table/columns/id", /database fills this column itself/],
  [{ columns: {} }, "/table/columns", /one column or more/],
  // Types.
  [mapped({ qty: "order_id" }), "/table/columns/qty", /type string does not fill a column of type integer/],
  [mapped({ amount: "flag" }), "/table/columns/amount", /type boolean does not fill/],
  [mapped({ amount: "address" }), "/table/columns/amount", /type object does not fill/],
  [mapped({ paid: "qty" }), "/table/columns/paid", /type integer does not fill a column of type boolean/],
  [mapped({ day: "qty" }), "/table/columns/day", /type integer/],
  [mapped({ day: "at" }), "/table/columns/day", /format date-time does not fill a column of type date/],
  [mapped({ ref: "day" }), "/table/columns/ref", /format date does not fill/],
  [mapped({ tags: "order_id" }), "/table/columns/tags", /type string/],
  [mapped({ tags: "address" }), "/table/columns/tags", /type object/],
  [mapped({ qty: { meta: "batchId" } }), "/table/columns/qty", /must be a whole number/],
  [mapped({ order_no: { meta: "batchId" } }), "/table/columns/order_no", /not have more than 20 characters/],
  [mapped({ qty: { meta: "json" } }), "/table/columns/qty", /text or JSON/],
  [mapped({ qty: { value: "a" } }), "/table/columns/qty/value", /must be a whole number/],
  [mapped({ paid: { value: null } }), "/table/columns/paid/value", /NOT NULL/],
  [mapped({ amount: { value: 1.005 } }), "/table/columns/amount/value", /at most 2 decimals/],
  // Keys.
  [{ key: ["nope"] }, "/table/key/0", /no such column/],
  [{ key: ["city"] }, "/table/key", /usable keys are \(id\), \(order_no\), \(city, day\)/],
  [{ key: ["order_no", "city"] }, "/table/key", /over just these columns/],
  [{ key: ["day", "city"], ...mapped({ city: "address.city" }) }, "/table/key/0", /nothing fills/],
  [{ key: null }, "/table/key", /"id" of the primary key/],
  // Columns that nothing fills, and a mode that has nothing to do.
  [
    { columns: { qty: "qty" }, mode: "insert", key: null },
    "/table/columns",
    /"order_no" is NOT NULL without a default/,
  ],
  [{ mode: "update" }, "/table/columns", /nothing to write/],
  // Members that some modes do not allow.
  [{ mode: "insert", newer: "order_no" }, "/table/newer", /only with the modes upsert and update/],
  [{ mode: "delete", newer: "order_no" }, "/table/newer", /only with the modes/],
  [{ mode: "ignore", delete: { field: "op", values: ["D"] } }, "/table/delete", /only with the modes/],
  [{ delete: { field: "nope", values: ["D"] } }, "/table/delete/field", /no such field/],
  [{ newer: "at" }, "/table/newer", /a column that is filled/],
  [{ ...mapped({ doc: "address" }), newer: "doc" }, "/table/newer", /have an order/],
  [{ ...mapped({ place: "order_id" }), newer: "place" }, "/table/newer", /have an order/],
  [mapped({ tags: "lists" }), "/table/columns/tags", /lists do not fill the elements/],
])("%j is wrong at %s", (about, pointer, detail) => {
  expect(faultsOf(about)).toEqual([[pointer, expect.stringMatching(detail)]]);
});

test.each<[TableDocument["columns"]]>([
  [{ city: "a.b", day: "day", at: "day", doc: "tags", tags: "tags" }],
  [{ city: "numbers", amount: "qty", qty: "unit_price", at: "at", paid: "op" }],
  [{ city: { meta: "json" }, doc: { meta: "json" }, amount: { meta: "line" }, at: { meta: "receivedAt" } }],
  [{ ref: { meta: "clientId" }, city: { meta: "dataset" }, qty: { value: "5" }, doc: { value: { a: [1] } } }],
])("%j is right", (columns) => {
  expect(faultsOf(mapped(columns))).toEqual([]);
});

test("all is told at once", () => {
  const about = {
    ...mapped({ nope: "qty", qty: "nope" }),
    newer: "at",
    delete: { field: "no", values: [1] },
    key: ["no"],
  };
  expect(faultsOf(about).map(([pointer]) => pointer)).toEqual([
    "/table/columns/nope",
    "/table/columns/qty",
    "/table/key/0",
    "/table/delete/field",
  ]);
});

describe("on SQLite", () => {
  const table = tableOf(
    [
      column("Id", { kind: "integer" }),
      column("price", { kind: "decimal", type: "DECIMAL(10,2)" }),
      column("note", { kind: "text" }),
    ],
    {
      dialect: "sqlite",
      schema: "main",
      keys: [{ name: "", columns: ["Id"], isPrimary: true }],
      toldConstraints: ["price_is_low"],
    },
  );
  const of = { properties: { id: { type: "integer" }, price: { type: "number" }, qty: { type: "integer" } } };
  const own = (about: Partial<TableDocument>) => faultsOf({ key: null, columns: { id: "id" }, ...about }, table, of);

  test("names have no case, and a column is named once", () => {
    expect(own({ columns: { ID: "id", NOTE: "price" }, key: ["iD"], mode: "upsert", newer: "nOTE" })).toEqual([]);
    expect(own({ columns: { ID: "id", id: "id" } })).toEqual([["/table/columns", 'the column "Id" is named twice']]);
  });

  test("numbers with digits do not go where SQLite makes doubles of them", () => {
    expect(own({ columns: { id: "id", price: "price" } })).toEqual([
      ["/table/columns/price", expect.stringMatching(/DECIMAL\(10,2\) of SQLite does not keep the digits/)],
    ]);
    expect(own({ columns: { id: "id", price: "qty" } })).toEqual([]);
  });

  test("a message is for a constraint that SQLite names", () => {
    const message = { message: "No such customer." };
    expect(own({ messages: { price_is_low: message, fk_orders_customer: message } })).toEqual([
      ["/table/messages/fk_orders_customer", "SQLite tells no such constraint: price_is_low"],
    ]);
  });

  test("a table that no dataset can write has that fault alone", () => {
    const found = planned({ columns: { nope: "id" } }, { ...table, hindrances: ["has a deferred foreign key"] }, of);
    expect(found).toEqual({ faults: [{ pointer: "/table/name", detail: "has a deferred foreign key" }] });
  });
});
