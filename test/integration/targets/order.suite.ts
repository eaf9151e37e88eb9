/** The promise: a chunk leaves the table, and reports each record, as if its records had come one by one. */
import fc from "fast-check";
import type { Database } from "../../../database/database.ts";
import { type TableMode, type TablePlan, tableModes } from "../../../database/targets/target.ts";
import { rounds } from "../../helpers/seeded.ts";
import { column } from "../../helpers/targets.ts";
import { codesOf, deliver, ordersPlan, query, type Rec, run } from "./delivery.kit.ts";

export interface OrderServer {
  db(): Database;
  /** Creates `orders` and `customers` with the columns of `columns`, and everything that may refuse a row. */
  table(kind: TableKind): Promise<void>;
  /** How many random chunks are tried. */
  runs?: number;
}

export const tableKinds = ["plain", "unique", "reflexive"] as const;
export type TableKind = (typeof tableKinds)[number];

const columns = [
  column("no", { kind: "text", type: "text", isNotNull: true }),
  column("customer", { kind: "integer", type: "integer" }),
  column("amount", { kind: "integer", type: "integer" }),
  column("city", { kind: "text", type: "text", hasDefault: true }),
  column("email", { kind: "text", type: "text" }),
  column("parent", { kind: "text", type: "text" }),
];

/** Few different values, so that records share keys. `A` and `a` are the same key. */
const keys = fc.constantFrom("a", "A", "b", "c", "d");
const some = <T>(...values: T[]) => fc.option(fc.constantFrom<T | null>(...values, null), { nil: undefined });
/** Makes wrong values rare, because one of them makes the whole chunk be written row by row. */
const seldom = <T>(wrong: T, right: fc.Arbitrary<T | undefined>) =>
  fc.oneof({ weight: 30, arbitrary: right }, { weight: 1, arbitrary: fc.constant<T | undefined>(wrong) });
const record = fc.record({
  no: keys,
  customer: seldom(9, fc.constantFrom(1, undefined)),
  amount: seldom(-1, fc.constantFrom(1, 2, 3, undefined)),
  city: some("Porto", "Faro"),
  email: some("x", "y", "z"),
  parent: some("a", "b"),
  op: fc.option(fc.constantFrom("D", "U", "U"), { nil: undefined }),
});
const records = fc.array(record, { minLength: 1, maxLength: 9 });
const plans = fc.record({
  mode: fc.constantFrom(...tableModes),
  absent: fc.constantFrom("keep" as const, "null" as const),
  hasMarker: fc.boolean(),
  hasNewer: fc.boolean(),
});

function planOf({
  mode,
  absent,
  hasMarker,
  hasNewer,
}: {
  mode: TableMode;
  absent: "keep" | "null";
  hasMarker: boolean;
  hasNewer: boolean;
}): TablePlan {
  const changes = mode === "upsert" || mode === "update";
  const plan = ordersPlan({ mode, absent }, columns);
  const newer = hasNewer && changes ? (plan.columns.find((one) => one.column.name === "amount") ?? null) : null;
  const marker = hasMarker && changes ? { path: ["op"], values: ["D"] } : null;
  const mapped = mode === "delete" ? plan.columns.filter((one) => one.column.name === "no") : plan.columns;
  return { ...plan, columns: mapped, newer, delete: marker };
}

/** The first record is refused only if the order is kept: the row that has its email, or is its parent, comes later. */
const meetings: Rec[][] = [
  [{ no: "c", email: "x", parent: "d" }, { no: "a", email: "z" }, { no: "d" }],
  [
    { no: "a", email: "y" },
    { no: "b", email: "z" },
  ],
  [
    { no: "b", email: "x" },
    { no: "a", email: "z" },
  ],
];
const usual = { mode: "upsert", absent: "keep", hasMarker: false, hasNewer: false } as const;

const GIVEN = ["INSERT INTO orders (no, amount, email) VALUES ('a', 2, 'x'), ('b', NULL, 'y')"];

export function orderSuite({ db, table, runs = rounds(25) }: OrderServer): void {
  const rows = () => query(db(), "SELECT no, customer, amount, city, email, parent FROM orders ORDER BY no");

  /** Answers the rows of the table after these records, and the report of each batch. */
  async function after(plan: TablePlan, chunks: Rec[][], pieceRows: number | null = null) {
    await run(db(), "DELETE FROM orders", ...GIVEN);
    const sums = { accepted: 0, rejected: 0, duplicate: 0, created: 0, updated: 0, deleted: 0 };
    const codes: [number, string][] = [];
    let before = 0;
    for (const chunk of chunks) {
      const { batch, counts } = await deliver(db(), plan, chunk, {}, pieceRows);
      for (const name of Object.keys(sums) as (keyof typeof sums)[]) sums[name] += counts[name] ?? 0;
      codes.push(...(await codesOf(db(), batch)).map(([seq, code]): [number, string] => [before + seq, code]));
      before += chunk.length;
    }
    return { rows: await rows(), sums, codes };
  }

  test.each(tableKinds)("of a table that is %s", async (kind) => {
    await table(kind);
    await fc.assert(
      fc.asyncProperty(records as fc.Arbitrary<Rec[]>, plans, async (given, about) => {
        const plan = planOf(about);
        const together = await after(plan, [given]);
        const alone = await after(
          plan,
          given.map((one) => [one]),
        );
        expect(together).toEqual(alone);
        // On PostgreSQL a chunk with a wrong row is written in pieces.
        expect(await after(plan, [given], 2)).toEqual(alone);
      }),
      { numRuns: runs, examples: meetings.map((one): [Rec[], typeof usual] => [one, usual]) },
    );
    await run(db(), "DROP TABLE orders");
  });
}
