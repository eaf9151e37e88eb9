/** The tables of the suites on PostgreSQL. */
import type { TableKind } from "./order.suite.ts";

export const TABLES = [
  "DROP TABLE IF EXISTS orders, customers CASCADE",
  "CREATE TABLE customers (id int PRIMARY KEY)",
  "INSERT INTO customers VALUES (1)",
  `CREATE TABLE orders (no int PRIMARY KEY, customer int CONSTRAINT fk_customer REFERENCES customers,
    amount numeric(10,2) CONSTRAINT positive CHECK (amount > 0), city text DEFAULT 'Lisboa', email text)`,
];

const more: Record<TableKind, string> = {
  plain: "",
  unique: ", UNIQUE (email)",
  reflexive: ", FOREIGN KEY (parent) REFERENCES orders",
};
export const orderedTables = (kind: TableKind) => [
  ...TABLES.slice(0, 3),
  `CREATE TABLE orders (no text COLLATE any_case PRIMARY KEY, customer int REFERENCES customers, amount int CHECK (amount > 0),
    city text DEFAULT 'Lisboa', email text, parent text COLLATE any_case${more[kind]})`,
];

/** A collation in which `a` and `A` are equal. */
export const COLLATION =
  "CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false)";
