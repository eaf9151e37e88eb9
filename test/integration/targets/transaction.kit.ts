/** A PostgreSQL database behind a proxy, with a table of orders. */
import type { Database } from "../../../database/database.ts";
import { freshPostgres, keptDatabase } from "../../helpers/database.ts";
import { opened, type Proxied, proxiedPostgres } from "../postgres/kit.ts";
import { run } from "./delivery.kit.ts";

export let at: Proxied;

export let db: Database;

const TABLES = [
  "DROP TABLE IF EXISTS orders, customers CASCADE",
  "CREATE TABLE customers (id int PRIMARY KEY)",
  `CREATE TABLE orders (no int PRIMARY KEY, customer int REFERENCES customers, amount numeric(10,2), city text, email text)`,
];

export const { open, end } = keptDatabase(freshPostgres);

export const orders = () => at.rows<{ no: number; city: string | null }>("SELECT no, city FROM orders ORDER BY no");

export const waits = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";

/** Starts what the tests share, and stops it after them. */
export function startTransactions(): void {
  afterAll(end);
  beforeEach(async () => {
    at = await proxiedPostgres(open);
    db = await opened(at.url);
    await run(at.beside, ...TABLES);
  });
  afterEach(async () => {
    await db.close();
    await run(at.beside, "DROP TABLE orders, customers");
    await at.remove();
  });
}
