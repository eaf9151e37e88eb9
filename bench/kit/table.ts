/** A table of the company for the benchmark `table`: ten columns, filled from an order. */
import { type Order, order, orderJson } from "./orders.ts";

/** Rows of a chunk, and of each commit of the floors. */
export const COMMIT = 5_000;
const NAME = "bench_order";

export type TableMode = "insert" | "upsert";

export const columnNames = [
  "id",
  "customer",
  "sku",
  "quantity",
  "price",
  "currency",
  "placed_at",
  "note",
  "batch",
  "record",
];

const types = {
  postgres: ["bigint", "text", "text", "integer", "numeric(12,2)", "text", "timestamptz", "text", "uuid", "integer"],
  sqlite: ["INTEGER", "TEXT", "TEXT", "INTEGER", "REAL", "TEXT", "TEXT", "TEXT", "TEXT", "INTEGER"],
};

/** The check refuses an empty SKU. Only the orders that the benchmark makes wrong have one. */
export const createText = (dialect: keyof typeof types): string => {
  const columns = columnNames.map((name, i) => `${name} ${types[dialect][i]}`);
  return `CREATE TABLE ${NAME} (${columns.join(", ")}, PRIMARY KEY (id), CONSTRAINT has_sku CHECK (sku <> ''))`;
};

const BATCH = "0193a1c2-7d4e-7b60-8f3a-2c5d9e0b1a47";

/** Inserts rows with the even ids up to `rows`, as an earlier import would have left them. */
export const fillText = (
  rows: number,
): string => `WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 2 FROM n WHERE i < ${rows})
  INSERT INTO ${NAME} SELECT i, 'customer-000001', 'SKU-0000001', 1, 1, 'EUR', '2026-01-01T00:00:00Z',
    'please ring, the bell is on the left', '${BATCH}', i FROM n`;

/** The row of the n-th order, as a bare loop holds it in memory. */
export function rowOf(n: number): (string | number)[] {
  const { id, customer, sku, quantity, price, currency, placedAt, note } = order(n);
  return [id, customer, sku, quantity, price, currency, placedAt, note, BATCH, n];
}

/** The document of the dataset that writes to the table. */
export const tableDocument = (mode: TableMode) => ({
  name: NAME,
  mode,
  key: ["id"],
  columns: {
    ...Object.fromEntries(
      ["id", "customer", "sku", "quantity", "price", "currency", "note"].map((name) => [name, name]),
    ),
    placed_at: "placedAt",
    batch: { meta: "batchId" },
    record: { meta: "record" },
  },
});

/** An order that passes all checks of DataFlow, but that the table refuses. */
const wrongJson = (n: number): string => JSON.stringify({ ...order(n), sku: "" } satisfies Order);

export const withWrong =
  (every: number) =>
  (n: number): string =>
    n % every === every >> 1 ? wrongJson(n) : orderJson(n);
