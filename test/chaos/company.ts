/** The company's own tables in a chaos run: how datasets fill them, and what must be in them after an import. */
import type { Line } from "./imports.ts";

/** One table has no key, one has a key that some records share, and one has records that change and delete rows. */
export const companyTables = ["logged", "inserted", "upserted"] as const;
export type CompanyTable = (typeof companyTables)[number];

const COLUMNS = `batch varchar(64) NOT NULL, slot integer NOT NULL, i integer NOT NULL, amount real, note text`;

/** The statements that create the tables. Both databases understand them. */
export const companyDdl: string[] = companyTables.flatMap((name) => [
  `CREATE TABLE ${name} (${COLUMNS}, CONSTRAINT ${name}_lucky CHECK (i % 331 <> 13))`,
  ...(name === "logged" ? [] : [`CREATE UNIQUE INDEX ${name}_key ON ${name} (batch, slot)`]),
]);

/** The part of a policy that fills this table. */
export function intoTable(name: CompanyTable) {
  const columns = { batch: { meta: "batchId" }, slot: "slot", i: "i", amount: "amount", note: "note" };
  const about = { name, columns, messages: messagesOf(name) };
  const key = ["batch", "slot"];
  const modes = {
    logged: { ...about, mode: "insert" },
    inserted: { ...about, mode: "insert", key },
    upserted: { ...about, mode: "upsert", key, delete: { field: "op", values: ["D"] } },
  };
  return { handler: "table", table: modes[name] };
}

const faults = { lucky: { field: "i", code: "unlucky" }, key: { field: "slot", code: "taken" } };

/** Maps the messages of both databases to the same field and code. */
function messagesOf(name: CompanyTable) {
  const all = { [`${name}_lucky`]: { ...faults.lucky, message: "Unlucky." } };
  return name === "logged" ? all : { ...all, [`${name}_key`]: { ...faults.key, message: "Taken." } };
}

/**
 * The key of a record in its table, and whether the record deletes that row. Few records share a key, and most of those are in
 * one chunk.
 */
export function slotOf(i: number, table: CompanyTable): { slot: number; op: "U" | "D" } {
  if (table === "logged") return { slot: i, op: "U" };
  if (table === "inserted") return { slot: i % 130 === 9 ? i - 4 : i, op: "U" };
  // Of each 26 records one deletes the row 4 before, one deletes a row that does not exist, one inserts the deleted row again,
  // and one changes a row.
  const turn = i % 26;
  if (turn === 9) return { slot: i - 4, op: "D" };
  if (turn === 10) return { slot: i, op: "D" };
  if (turn === 11) return { slot: i - 6, op: "U" };
  return { slot: turn === 22 ? i - 4 : i, op: "U" };
}

export interface CompanyRow {
  slot: number;
  i: number;
  note: string;
}

type Told = "created" | "updated" | "deleted" | "duplicate" | { field: string; code: string };

/** Answers how a table must look after records that come one by one. */
export class Model {
  readonly rows = new Map<number, CompanyRow>();
  private readonly table: CompanyTable;

  constructor(table: CompanyTable) {
    this.table = table;
  }

  take({ data: { i, note, slot = i, op } }: Line): Told {
    const isThere = this.rows.has(slot);
    if (op === "D") return this.rows.delete(slot) ? "deleted" : "duplicate";
    // Databases check the values of a row before they look for its key in an index.
    if (i % 331 === 13) return faults.lucky;
    if (isThere && this.table === "inserted") return faults.key;
    this.rows.set(slot, { slot, i, note });
    return isThere ? "updated" : "created";
  }
}

export const companyRows = (table: CompanyTable, batchId: string): string =>
  `SELECT slot, i, note FROM ${table} WHERE batch = '${batchId}' AND amount = i / 2.0 ORDER BY slot, i`;

/** A query for rows whose batch does not exist. */
export const companyOrphans = (table: CompanyTable): string =>
  `SELECT count(*) AS orphans FROM ${table} WHERE batch NOT IN (SELECT CAST(public_id AS varchar(64)) FROM batch)`;
