/** Each mode on each database: the rows in the table, the counts of the batch, and its report. */
import type { Database } from "../../../database/database.ts";
import type { TableMode, TablePlan } from "../../../database/targets/target.ts";
import { codesOf, deliver, orderColumns, ordersPlan, query, type Rec, recordsOf, rowsOf, run } from "./delivery.kit.ts";

export interface TargetServer {
  db(): Database;
  /** Drops and creates the tables `orders` and `customers`. */
  tables(): Promise<void>;
  /** Whether the database's errors name a foreign key. */
  namesReferences: boolean;
}

const there = "INSERT INTO orders (no, customer, amount, city) VALUES (1, 1, 5.50, 'Porto'), (2, 1, 6, 'Faro')";

export function modesSuite({ db, tables, namesReferences }: TargetServer): void {
  beforeEach(async () => {
    await tables();
    await run(db(), there);
  });

  const kept = (...all: Rec[]) =>
    all.map((one) => ({ customer: null, amount: null, city: "Lisboa", email: null, ...one }));
  const row = (no: number, customer: number, amount: string, city: string) => ({
    no,
    customer,
    amount,
    city,
    email: null,
  });
  const [first, second] = [row(1, 1, "5.50", "Porto"), row(2, 1, "6.00", "Faro")];

  type Case = [string, TableMode, Rec[], { counts: number[]; rows: Rec[]; errors?: [number, string, string][] }];
  /** The counts are: accepted, rejected, duplicate, created, updated, deleted. */
  const cases: Case[] = [
    [
      "insert: a taken key is a conflict, also one of this chunk",
      "insert",
      [{ no: 3 }, { no: 1, amount: 7 }, { no: 4, city: "Braga" }, { no: 3 }],
      {
        counts: [2, 2, 0, 2, 0, 0],
        rows: [first, second, ...kept({ no: 3 }, { no: 4, city: "Braga" })],
        errors: [
          [2, "conflict", "no"],
          [4, "conflict", "no"],
        ],
      },
    ],
    [
      "ignore: what is there stays, and the first of equal keys counts",
      "ignore",
      [{ no: 1, amount: 7 }, { no: 3 }, { no: 3, city: "Braga" }],
      { counts: [1, 0, 2, 1, 0, 0], rows: [first, second, ...kept({ no: 3 })] },
    ],
    [
      "upsert: an absent field leaves its column, null sets it, and the last of equal keys counts",
      "upsert",
      [{ no: 1, amount: 7 }, { no: 3 }, { no: 2, city: null }, { no: 3, city: "Braga" }, { no: 3, customer: 1 }],
      {
        counts: [5, 0, 0, 1, 4, 0],
        rows: [{ ...first, amount: "7.00" }, { ...second, city: null }, ...kept({ no: 3, city: "Braga", customer: 1 })],
      },
    ],
    [
      "update: what is not there is missing",
      "update",
      [{ no: 2, amount: 7 }, { no: 3 }],
      { counts: [1, 1, 0, 0, 1, 0], rows: [first, { ...second, amount: "7.00" }], errors: [[2, "missing", ""]] },
    ],
    [
      "delete: what is not there is missing, also what an earlier record has deleted",
      "delete",
      [{ no: 2 }, { no: 3 }, { no: 2 }],
      {
        counts: [1, 2, 0, 0, 0, 1],
        rows: [first],
        errors: [
          [2, "missing", ""],
          [3, "missing", ""],
        ],
      },
    ],
  ];

  async function check(plan: TablePlan, records: Rec[], expected: Case[3], pieceRows: number | null = null) {
    const delivery = await deliver(db(), plan, records, {}, pieceRows);
    expect(Object.values(delivery.counts)).toEqual(expected.counts);
    expect(await rowsOf(db())).toEqual(expected.rows);
    expect(await codesOf(db(), delivery.batch)).toEqual(expected.errors ?? []);
    return delivery;
  }

  test.each(cases)("%s", async (_what, mode, records, expected) => {
    await check(ordersPlan({ mode }), records, expected);
  });

  test.each(cases)("in pieces, %s", async (_what, mode, records, expected) => {
    await check(ordersPlan({ mode }), records, expected, 2);
  });

  test("records that became rows are listed as stored, the others are not", async () => {
    const { batch } = await deliver(db(), ordersPlan({ mode: "ignore" }), [
      { no: 1 },
      { no: 3 },
      { no: 4, customer: 9 },
    ]);
    expect(await recordsOf(db(), batch)).toEqual([2]);
    expect(await codesOf(db(), batch)).toEqual([[3, "reference", namesReferences ? "customer" : ""]]);
  });

  const texts = ["", "a\x1fb", "\x1e", `it's "a" \\ $$ text`, "two\nlines", "{}", "NULL", "\\N", "ação 漢字 😀"];
  test.each([
    ["at once", []],
    ["beside a record that is refused", [{ no: 99, customer: 9 }]],
  ])("texts are stored unchanged, %s", async (_how, refused: Rec[]) => {
    const records = texts.map((city, no) => ({ no: no + 10, city }));
    await deliver(db(), ordersPlan(), [...records, ...refused]);
    expect((await rowsOf(db())).slice(2).map(({ city }) => city)).toEqual(texts);
    // The record is delivered alone, so that its text is the only one.
    await deliver(db(), ordersPlan(), [{ no: 1, city: "" }, ...refused]);
    expect((await rowsOf(db()))[0]).toMatchObject({ city: "" });
  });

  test("absent: null sets the column of an absent field, and a new row gets its default", async () => {
    await check(ordersPlan({ absent: "null" }), [{ no: 1, amount: 7 }, { no: 3 }], {
      counts: [2, 0, 0, 1, 1, 0],
      rows: [{ ...first, customer: null, amount: "7.00", city: null }, second, ...kept({ no: 3 })],
    });
  });

  test("delete markers delete their row, and later records see that", async () => {
    const plan = ordersPlan({ delete: { path: ["op"], values: ["D"] } });
    await check(
      plan,
      [
        { no: 1, op: "D" },
        { no: 9, op: "D" },
        { no: 1, amount: 8 },
        { no: 2, op: "D" },
        { no: 2, op: "D" },
      ],
      {
        counts: [3, 0, 2, 1, 0, 2],
        rows: kept({ no: 1, amount: "8.00" }),
      },
    );
  });

  test("newer: an older record leaves the row, one without value too; a row without value is written", async () => {
    await run(db(), "INSERT INTO orders (no, city) VALUES (3, 'Ovar')");
    const plan = ordersPlan();
    const newer = plan.columns.find(({ column }) => column.name === "amount") ?? null;
    const records = [
      { no: 1, amount: 5.5, city: "a" },
      { no: 2, amount: 7, city: "b" },
      { no: 3, amount: 1 },
      { no: 2, city: "c" },
    ];
    await check({ ...plan, newer }, records, {
      counts: [2, 0, 2, 0, 2, 0],
      rows: [first, { ...second, amount: "7.00", city: "b" }, ...kept({ no: 3, amount: "1.00", city: "Ovar" })],
    });
  });

  test("a record without any of the columns is a row of defaults", async () => {
    const city = orderColumns.filter(({ name }) => name === "city");
    const plan = ordersPlan({ mode: "insert", key: [] }, city);
    await run(db(), "DROP TABLE IF EXISTS lone", "CREATE TABLE lone (city varchar(10) DEFAULT 'Lisboa')");
    const table = { ...plan.table, name: "lone" };
    const { counts } = await deliver(db(), { ...plan, table }, [{}, { city: "Braga" }, {}]);
    expect(Object.values(counts)).toEqual([3, 0, 0, 3, 0, 0]);
    expect(await query(db(), "SELECT city FROM lone")).toEqual(
      ["Lisboa", "Braga", "Lisboa"].map((name) => ({ city: name })),
    );
  });
}
