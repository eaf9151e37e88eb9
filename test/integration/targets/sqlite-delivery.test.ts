/** Delivery into the company's own tables in DataFlow's SQLite file. */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Database, openDatabase } from "../../../database/database.ts";
import { freshDatabase } from "../../helpers/database.ts";
import { type SmallDisk, smallDisk } from "../../helpers/small-disk.ts";
import { copyTemplate } from "../../helpers/template.ts";
import { moveOf } from "../store/drafts.ts";
import { codesOf, deliver, deliveryOf, errorsOf, ordersPlan, query, type Rec, run } from "./delivery.kit.ts";
import { modesSuite } from "./modes.suite.ts";
import { orderSuite, type TableKind } from "./order.suite.ts";

let db: Database;
let file: string;
let remove: () => Promise<void>;
beforeAll(async () => {
  ({ db, file, remove } = await freshDatabase());
});
afterAll(() => remove());

const CUSTOMERS = [
  "DROP TABLE IF EXISTS orders",
  "DROP TABLE IF EXISTS customers",
  "CREATE TABLE customers (id INTEGER PRIMARY KEY)",
  "INSERT INTO customers VALUES (1)",
];
const ORDERS = `CREATE TABLE orders (no INTEGER PRIMARY KEY, customer INTEGER REFERENCES customers (id),
  amount REAL CONSTRAINT positive CHECK (amount > 0), city TEXT DEFAULT 'Lisboa', email TEXT)`;
const more: Record<TableKind, string> = {
  plain: "",
  unique: ", UNIQUE (email)",
  reflexive: ", FOREIGN KEY (parent) REFERENCES orders (no)",
};

const server = { db: () => db, tables: () => run(db, ...CUSTOMERS, ORDERS), namesReferences: false };

describe("modes", () => modesSuite(server));

describe("faults", () => {
  beforeEach(server.tables);
  const numbers = async () =>
    (await query<{ no: number }>(db, "SELECT no FROM orders ORDER BY no")).map(({ no }) => no);
  const trigger = (told: string) =>
    `CREATE TRIGGER told BEFORE INSERT ON orders WHEN NEW.city = 'x' BEGIN INSERT INTO customers VALUES (77); SELECT ${told}; END`;

  const cases: [string, string[], Rec[], [number, string, string][], number[]][] = [
    ["a CHECK", [], [{ no: 1, amount: -1 }, { no: 2 }], [[1, "constraint", ""]], [2]],
    [
      "a CHECK whose function takes no such value",
      ["ALTER TABLE orders ADD doc TEXT GENERATED ALWAYS AS (email) CHECK (json_extract(email, '$.a') > 0)"],
      [
        { no: 1, email: "{" },
        { no: 2, email: '{"a":1}' },
        { no: 3, email: '{"a":0}' },
      ],
      [
        [1, "constraint", ""],
        [3, "constraint", ""],
      ],
      [2],
    ],
    [
      "a trigger whose function takes no such value: what it did is undone",
      [
        `CREATE TRIGGER told AFTER INSERT ON orders BEGIN INSERT INTO customers VALUES (NEW.no + 90);
         SELECT json_extract(NEW.email, '$.a'); DELETE FROM customers WHERE id > 90; END`,
      ],
      [{ no: 1, email: "{" }, { no: 2 }],
      [[1, "constraint", ""]],
      [2],
    ],
    [
      "a column that nothing fills",
      ["ALTER TABLE orders ADD own TEXT NOT NULL DEFAULT (NULL)"],
      [{ no: 1 }],
      [[1, "required", ""]],
      [],
    ],
    [
      "another unique column",
      ["CREATE UNIQUE INDEX by_email ON orders (email)", "INSERT INTO orders (no, email) VALUES (1, 'a')"],
      [
        { no: 2, email: "a" },
        { no: 1, email: "b" },
        { no: 3, email: "a" },
      ],
      [[1, "conflict", "email"]],
      [1, 3],
    ],
    ...["RAISE(ABORT, 'secret')", "RAISE(FAIL, 'secret')", "RAISE(ROLLBACK, 'secret')", "RAISE(IGNORE)"].map(
      (told): (typeof cases)[number] => [
        `a trigger with ${told}: what it did is undone, and the rows before it stay`,
        [trigger(told)],
        [{ no: 1 }, { no: 2, city: "x" }, { no: 3 }, { no: 4, city: "x" }],
        [
          [2, "constraint", ""],
          [4, "constraint", ""],
        ],
        [1, 3],
      ],
    ),
  ];
  test.each(cases)("%s", async (_what, ddl, records, errors, left) => {
    await run(db, ...ddl);
    const { batch, counts, written } = await deliver(db, ordersPlan(), records);
    expect(await codesOf(db, batch)).toEqual(errors);
    expect(await numbers()).toEqual(left);
    expect(counts).toMatchObject({ accepted: records.length - errors.length, rejected: errors.length });
    expect(await query(db, "SELECT id FROM customers")).toEqual([{ id: 1 }]);
    expect(JSON.stringify([written.table, await errorsOf(db, batch)])).not.toContain("secret");
  });

  test("a dataset's messages are found by the names that SQLite reports: of a CHECK and of a unique index", async () => {
    await run(db, "CREATE UNIQUE INDEX by_email ON orders (email)");
    const plan = ordersPlan({
      messages: { positive: { code: "low", message: "Too low." }, by_email: { message: "Known." } },
    });
    const keys = [{ name: "by_email", columns: ["email"], isPrimary: false }];
    const table = { ...plan.table, keys, toldConstraints: ["positive", "by_email"] };
    const { batch } = await deliver(db, { ...plan, table }, [
      { no: 1, amount: -1 },
      { no: 2, email: "a" },
      { no: 3, email: "a" },
    ]);
    const told = (await errorsOf(db, batch)).map(({ seq, errors: [first] }) => [seq, first?.code, first?.message]);
    expect(told).toEqual([
      [1, "low", "Too low."],
      [3, "conflict", "Known."],
    ]);
  });

  test.each([
    [
      "NOCASE",
      "BINARY",
      ["a", "A"],
      [
        { no: 1, city: "x" },
        { no: 2, city: "a" },
      ],
    ],
    ["BINARY", "NOCASE", ["A"], [{ no: 2, city: "x" }]],
  ])("a key is compared as its index does: a column %s, its index %s", async (own, other, there, left) => {
    await run(
      db,
      "DROP TABLE orders",
      `CREATE TABLE orders (email TEXT COLLATE ${own}, city TEXT, no INTEGER)`,
      `CREATE UNIQUE INDEX by_email ON orders (email COLLATE ${other})`,
      ...there.map((email, n) => `INSERT INTO orders (no, email, city) VALUES (${2 - n}, '${email}', 'a')`),
    );
    const { counts } = await deliver(db, ordersPlan({ key: ["email"] }), [
      { email: there.length > 1 ? "A" : "a", city: "x" },
    ]);
    expect(counts).toMatchObject({ updated: 1, created: 0, rejected: 0 });
    expect(await query(db, "SELECT no, city FROM orders ORDER BY no")).toEqual(left);
  });

  test.each([
    ["that is not there", "DROP TABLE customers"],
    ["without a key", "DROP TABLE customers; CREATE TABLE customers (id INTEGER)"],
  ])("a foreign key to a table %s is no fault of a record", async (_what, sql) => {
    await run(db, "PRAGMA foreign_keys = OFF", ...sql.split("; "));
    const { commit } = await deliveryOf(db, ordersPlan(), [{ no: 1, customer: 1 }]);
    await expect(db.store.commitChunk(commit)).rejects.toMatchObject({ name: "TableFailure", kind: "gone" });
    await server.tables();
    expect((await db.store.commitChunk(commit))?.batch).toMatchObject({ created: 1 });
  });

  test("if the table is missing, nothing is written, and no record has an error", async () => {
    await run(db, "DROP TABLE orders");
    const { batch, commit } = await deliveryOf(db, ordersPlan(), [{ no: 1 }]);
    await expect(db.store.commitChunk(commit)).rejects.toMatchObject({ name: "TableFailure", kind: "gone" });
    expect(await db.store.batch(batch.publicId, null)).toMatchObject({ nextChunk: 0, fence: 1 });
    await server.tables();
    expect((await db.store.commitChunk(commit))?.batch).toMatchObject({ nextChunk: 1, created: 1 });
  });

  test("if the batch was taken away, nothing of its chunk is in the table", async () => {
    const { batch, commit } = await deliveryOf(db, ordersPlan(), [{ no: 1 }]);
    await db.store.move(moveOf(batch, "ready"));
    expect(await db.store.commitChunk(commit)).toBeNull();
    expect(await numbers()).toEqual([]);
  });

  test("a chunk waits while another process writes the file", async () => {
    const other = new DatabaseSync(file);
    other.exec("BEGIN IMMEDIATE");
    const delivered = deliver(db, ordersPlan(), [{ no: 1 }]).then(({ counts }) => counts);
    const isEarly = delivered.then(() => true);
    const isWaiting = new Promise((resolve) => setImmediate(() => resolve(false)));
    expect(await Promise.race([isEarly, isWaiting])).toBe(false);
    other.exec("COMMIT");
    other.close();
    expect(await delivered).toMatchObject({ created: 1 });
  });
});

const disk = smallDisk("a table on a full disk", 16) as SmallDisk;
afterAll(() => disk?.remove());
(disk ? test : test.skip)(
  "a full disk: nothing of the chunk is in the table, and all of it once there is room",
  async () => {
    const full = join(disk.folder, "x.db");
    copyTemplate(full);
    const there = await openDatabase({ url: `sqlite:${full}` });
    await run(there, ...CUSTOMERS, ORDERS);
    await deliver(there, ordersPlan(), [{ no: 1 }]);
    const { batch, commit } = await deliveryOf(there, ordersPlan(), [
      { no: 1, amount: 5 },
      { no: 2, city: "x".repeat(2e6) },
    ]);
    disk.fill();
    await expect(there.store.commitChunk(commit)).rejects.toMatchObject({ name: "DatabaseUnavailable" });
    expect(await query(there, "SELECT no, amount FROM orders")).toEqual([{ no: 1, amount: null }]);
    expect(await there.store.batch(batch.publicId, null)).toMatchObject({ nextChunk: 0 });
    disk.empty();
    expect((await there.store.commitChunk(commit))?.batch).toMatchObject({ created: 1, updated: 1, rejected: 0 });
    await there.close();
  },
);

describe("a chunk is its records one by one", () => {
  const ordered = (kind: TableKind) =>
    `CREATE TABLE orders (no TEXT COLLATE NOCASE PRIMARY KEY NOT NULL, customer INTEGER REFERENCES customers (id),
      amount INTEGER CHECK (amount > 0), city TEXT DEFAULT 'Lisboa', email TEXT, parent TEXT COLLATE NOCASE${more[kind]})`;
  orderSuite({ db: () => db, table: (kind) => run(db, ...CUSTOMERS, ordered(kind)) });
});
