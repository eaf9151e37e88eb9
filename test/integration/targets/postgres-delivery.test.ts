/** Delivery into the company's own tables in DataFlow's PostgreSQL database. */
import type { Database } from "../../../database/database.ts";
import type { TablePlan } from "../../../database/targets/target.ts";
import { describePostgres, freshPostgres } from "../../helpers/database.ts";
import { column } from "../../helpers/targets.ts";
import { codesOf, deliver, orderColumns, ordersPlan, query, type Rec, run } from "./delivery.kit.ts";
import { faultsSuite } from "./faults.suite.ts";
import { modesSuite } from "./modes.suite.ts";
import { orderSuite } from "./order.suite.ts";
import { COLLATION, orderedTables, TABLES } from "./postgres.kit.ts";

let db: Database;

describePostgres("tables on PostgreSQL", () => {
  let remove: () => Promise<void>;
  beforeAll(async () => {
    ({ db, remove } = await freshPostgres());
  });
  afterAll(() => remove());

  const server = { db: () => db, tables: () => run(db, ...TABLES), namesReferences: true };

  describe("modes", () => modesSuite(server));
  describe("faults", () => faultsSuite(server));

  describe("records that leave out other columns than those before", () => {
    const sent = (...all: [number, string?][]): Rec[] => all.map(([no, city]) => (city ? { no, city } : { no }));
    const marked = { delete: { path: ["op"], values: ["D"] } };

    test.each<[string, Partial<TablePlan>, Rec[], number[], boolean]>([
      ["insert", { mode: "insert" }, sent([9], [1, "Porto"], [8], [2, "Faro"], [7]), [9, 1, 8, 2, 7], false],
      ["ignore", { mode: "ignore" }, sent([9], [1, "Porto"], [8], [9, "Faro"]), [9, 1, 8], false],
      ["upsert", { mode: "upsert" }, sent([9], [1, "Porto"], [8]), [9, 1, 8], false],
      [
        "many of them",
        { mode: "insert" },
        sent([9], [1, "a"], [8], [2, "b"], [7], [3, "c"], [6], [4, "d"], [5]),
        [9, 1, 8, 2, 7, 3, 6, 4, 5],
        true,
      ],
      ["a row that is made again", marked, [{ no: 2 }, { no: 2, op: "D" }, { no: 2 }, { no: 1 }], [2, 1], true],
    ])("%s: the table counts its new rows in their order", async (_what, over, records, order, isRowByRow) => {
      await run(db, ...TABLES, "ALTER TABLE orders ADD COLUMN at serial");
      const { written } = await deliver(db, ordersPlan(over), records);
      expect(written.table?.isRowByRow).toBe(isRowByRow);
      expect((await query(db, "SELECT no FROM orders ORDER BY at")).map(({ no }) => no)).toEqual(order);
    });

    test("a trigger sees the records in their order", async () => {
      await run(db, ...TABLES, "ALTER TABLE orders ADD COLUMN at int");
      await run(
        db,
        "CREATE FUNCTION counted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN new.at := (SELECT count(*) FROM orders); RETURN new; END'",
        "CREATE TRIGGER counts BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION counted()",
      );
      await deliver(db, ordersPlan({ mode: "insert" }), sent([9], [1, "Porto"], [8]));
      expect(await query(db, "SELECT no, at FROM orders ORDER BY at")).toEqual([
        { no: 9, at: 0 },
        { no: 1, at: 1 },
        { no: 8, at: 2 },
      ]);
    });

    test("records that refer to each other, or share a key, have the result of records one by one", async () => {
      await run(db, ...TABLES, "ALTER TABLE orders ADD COLUMN parent int REFERENCES orders");
      const plan = ordersPlan({ mode: "insert" }, [...orderColumns, column("parent", { kind: "integer" })]);
      const records = [
        { no: 1, city: "Porto" },
        { no: 2, parent: 1 },
        { no: 3, parent: 4, city: "Faro" },
        { no: 4, parent: 2, city: "Braga" },
        { no: 1 },
        { no: 5, parent: 3 },
      ];
      const { batch, counts } = await deliver(db, plan, records);
      expect(counts).toMatchObject({ accepted: 3, rejected: 3, created: 3 });
      expect(await codesOf(db, batch)).toEqual([
        [3, "reference", "parent"],
        [5, "conflict", "no"],
        [6, "reference", "parent"],
      ]);
      expect(await query(db, "SELECT no, city, parent FROM orders ORDER BY no")).toEqual([
        { no: 1, city: "Porto", parent: null },
        { no: 2, city: "Lisboa", parent: 1 },
        { no: 4, city: "Braga", parent: 2 },
      ]);
    });
  });

  describe("a chunk is its records one by one", () => {
    beforeAll(() => run(db, COLLATION));
    orderSuite({ db: () => db, table: (kind) => run(db, ...orderedTables(kind)) });
  });
});
