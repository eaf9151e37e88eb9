/**
 * Runs the suites of tables on the statements for SQL Server, which PostgreSQL carries out one by one: what happens to each
 * record in each mode, and that a chunk has the result of its records one by one. It does not test how a real SQL Server reads
 * the statements.
 */
import type { Database } from "../../../database/database.ts";
import { mssqlStore } from "../../../database/dialects/mssql/store.ts";
import { appliedOn } from "../../../database/dialects/mssql/table/elsewhere.ts";
import type { AppliedTable, ChunkOf } from "../../../database/targets/applied.ts";
import type { TableCommit } from "../../../services/batch/batch.table.domain.ts";
import { describePostgres, freshPostgres } from "../../helpers/database.ts";
import { column } from "../../helpers/targets.ts";
import {
  codesOf,
  deliver,
  deliveryOf,
  orderColumns,
  ordersPlan,
  query,
  type Rec,
  rowsOf,
  run,
} from "../targets/delivery.kit.ts";
import { modesSuite } from "../targets/modes.suite.ts";
import { orderSuite } from "../targets/order.suite.ts";
import { COLLATION, orderedTables, TABLES } from "../targets/postgres.kit.ts";
import { StandIn } from "./stand-in.ts";

/** Few runs, because each record takes some fifty statements. */
const RUNS = 8;

let db: Database;

const id = (n: number) => `01930000-0000-7000-8000-${`${n}`.padStart(12, "0")}`;

describePostgres("tables by statements for SQL Server, on PostgreSQL", () => {
  let end: () => Promise<void>;
  let elsewhere: AppliedTable;
  beforeAll(async () => {
    const fresh = await freshPostgres();
    const standIn = new StandIn(fresh.url);
    const { commitChunk } = mssqlStore(standIn.asSql());
    elsewhere = appliedOn(standIn.asSql(), "crm");
    db = { ...fresh.db, store: { ...fresh.db.store, commitChunk } };
    end = async () => {
      await standIn.end();
      await fresh.remove();
    };
  });
  afterAll(() => end());

  describe("modes", () => modesSuite({ db: () => db, tables: () => run(db, ...TABLES), namesReferences: true }));

  describe("a chunk is its records one by one", () => {
    beforeAll(() => run(db, COLLATION));
    orderSuite({ db: () => db, table: (kind) => run(db, ...orderedTables(kind)), runs: RUNS });
  });

  describe("in another database", () => {
    beforeAll(() =>
      run(
        db,
        "CREATE TABLE dataflow_applied (batch uuid PRIMARY KEY, fence bigint, next_chunk int, counts text, refused text, changed_at bigint)",
      ),
    );
    beforeEach(() => run(db, "DELETE FROM dataflow_applied", ...TABLES));
    const applying = async (of: ChunkOf, ...records: Rec[]) => {
      const { commit } = await deliveryOf(db, ordersPlan(), records);
      const counts = { accepted: 1, rejected: 0, duplicate: 0, created: 1, updated: 0, deleted: 0 };
      return elsewhere.apply(of, commit.table as TableCommit, (outcome) => ({
        counts: { ...counts, created: outcome.created },
        verdict: { rows: { created: outcome.created, updated: 0, deleted: 0 }, passed: [], refused: [] },
      }));
    };

    test("a chunk's rows and its verdict are committed together, and a repeated chunk finds both", async () => {
      const of = { batch: id(1), fence: 2, chunk: 0 };
      expect(await elsewhere.enter(of)).toEqual({ fence: 2, nextChunk: 0, last: null });
      expect(await applying(of, { no: 1 })).toMatchObject({ counts: { created: 1 }, told: { passed: 0 } });
      expect(await applying(of, { no: 2 })).toBeNull();
      expect((await rowsOf(db)).map(({ no }) => no)).toEqual([1]);
      const last = { counts: { created: 1 }, verdict: { rows: { created: 1 } } };
      expect(await elsewhere.enter({ ...of, fence: 3 })).toMatchObject({ fence: 3, nextChunk: 1, last });
      expect(await elsewhere.look(id(1))).toMatchObject({ fence: 3, nextChunk: 1 });
      expect(await elsewhere.enter({ ...of, fence: 3, chunk: 2 })).toEqual({ fence: 3, nextChunk: 2, last: null });
    });

    test("a raised fence, or a deleted batch row, stops a late worker", async () => {
      const of = { batch: id(2), fence: 1, chunk: 0 };
      await elsewhere.enter(of);
      expect(await elsewhere.raise(id(2), 5)).toMatchObject({ fence: 5 });
      expect(await elsewhere.raise(id(2), 4)).toMatchObject({ fence: 5 });
      expect(await elsewhere.raise(id(9), 4)).toBeNull();
      expect([await elsewhere.enter(of), await applying(of, { no: 1 })]).toEqual([null, null]);
      const now = { batch: id(2), fence: 5, nextChunk: 0, changedAt: expect.any(Number) };
      expect(await elsewhere.list(null, 10)).toEqual([now]);
      expect(await elsewhere.list(id(2), 10)).toEqual([]);
      await elsewhere.forget([{ batch: id(2), fence: 4 }]);
      expect(await elsewhere.list(null, 10)).toHaveLength(1);
      await elsewhere.forget([{ batch: id(2), fence: 5 }]);
      expect(await applying({ ...of, fence: 5 }, { no: 1 })).toBeNull();
      expect(await rowsOf(db)).toEqual([]);
    });
  });

  test.each([
    [false, [9, 1, 8, 2, 7]],
    [true, [9, 1, 8, 2, 7, 3, 6, 4, 5]],
  ])("new rows are counted in the order of their records, one by one: %s", async (isRowByRow, order) => {
    await run(db, ...TABLES, "ALTER TABLE orders ADD COLUMN at serial");
    const records = order.map((no) => (no < 5 ? { no, city: "Porto" } : { no }));
    const { written } = await deliver(db, ordersPlan(), records);
    expect(written.table?.isRowByRow).toBe(isRowByRow);
    expect((await query(db, "SELECT no FROM orders ORDER BY at")).map(({ no }) => no)).toEqual(order);
  });

  describe("what is refused", () => {
    beforeEach(() => run(db, "DROP FUNCTION IF EXISTS told CASCADE", ...TABLES));
    const numbers = async () => (await rowsOf(db)).map(({ no }) => no);

    test.each<[string, string[], Rec[], [number, string, string][], number[]]>([
      ["a foreign key", [], [{ no: 1, customer: 9 }, { no: 2 }], [[1, "reference", "customer"]], [2]],
      ["a CHECK", [], [{ no: 1, amount: -1 }, { no: 2 }], [[1, "constraint", "amount"]], [2]],
      [
        "a column that nothing fills",
        ["ALTER TABLE orders ADD own int NOT NULL"],
        [{ no: 1 }],
        [[1, "required", ""]],
        [],
      ],
      [
        "another unique column",
        ["ALTER TABLE orders ADD UNIQUE (email)"],
        [{ no: 1, email: "a" }, { no: 2, email: "a" }, { no: 3 }],
        [[2, "conflict", "email"]],
        [1, 3],
      ],
      [
        "errors that doom the transaction: all begins again without their rows",
        [
          "CREATE FUNCTION told() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.city = 'x' THEN RAISE 'no'; END IF; RETURN NEW; END $$",
          "CREATE TRIGGER told BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION told()",
        ],
        [{ no: 1 }, { no: 2, city: "x" }, { no: 3, customer: 9 }, { no: 4, city: "x" }, { no: 5 }],
        [
          [2, "constraint", ""],
          [3, "reference", "customer"],
          [4, "constraint", ""],
        ],
        [1, 5],
      ],
    ])("%s", async (_name, made, records, errors, left) => {
      await run(db, ...made);
      const { batch, counts } = await deliver(db, ordersPlan(), records);
      expect(await codesOf(db, batch)).toEqual(errors);
      expect(await numbers()).toEqual(left);
      expect(counts).toMatchObject({ accepted: left.length, rejected: errors.length, created: left.length });
    });

    test("a text that does not fit its column's type: the error names its field, and the other records are rows", async () => {
      const columns = orderColumns.map((one) =>
        one.name === "customer" ? column("customer", { type: "integer" }) : one,
      );
      const { batch } = await deliver(db, ordersPlan({}, columns), [
        { no: 1, customer: "x" },
        { no: 2, customer: "1" },
      ]);
      expect(await codesOf(db, batch)).toEqual([[1, "type", "customer"]]);
      expect(await numbers()).toEqual([2]);
    });

    test("rows go in pieces, with equal keys in the order of the records", async () => {
      const records = [1, 2, 1, 3, 2, 1].map((no, i) => ({ no, email: `${i}` }));
      const { counts } = await deliver(db, ordersPlan(), records, {}, 2);
      expect(counts).toMatchObject({ created: 3, updated: 3 });
      expect((await rowsOf(db)).map(({ email }) => email)).toEqual(["5", "4", "3"]);
    });

    test("more rounds than one request has are written in the order of the records", async () => {
      const records = Array.from({ length: 205 }, (_, i) => ({ no: 1, email: `${i}` }));
      const refused = { no: 1, customer: 9 };
      const { batch, counts } = await deliver(db, ordersPlan(), [
        ...records.slice(0, 203),
        refused,
        ...records.slice(203),
      ]);
      expect(counts).toMatchObject({ created: 1, updated: 204, rejected: 1 });
      expect(await codesOf(db, batch)).toEqual([[204, "reference", "customer"]]);
      expect((await rowsOf(db)).map(({ email }) => email)).toEqual(["204"]);
    });

    test("a commit under another worker's fence leaves no row", async () => {
      const { commit } = await deliveryOf(db, ordersPlan(), [{ no: 1 }]);
      expect(await db.store.commitChunk({ ...commit, fence: commit.fence + 1 })).toBeNull();
      expect(await numbers()).toEqual([]);
    });

    test("a missing table is no fault of a record", async () => {
      const { commit } = await deliveryOf(db, ordersPlan(), [{ no: 1 }]);
      await run(db, "DROP TABLE orders");
      await expect(db.store.commitChunk(commit)).rejects.toMatchObject({ kind: "gone", state: "208" });
    });
  });
});
