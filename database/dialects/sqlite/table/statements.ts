/**
 * The statements that write a row of the company's own table. Each combination of columns that records have is a
 * statement.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { TableRow } from "../../../../services/batch/batch.table.domain.ts";
import { quotedIn, quotedTable } from "../../../targets/names.ts";
import { lackedBy } from "../../../targets/stage.ts";
import type { PlannedColumn, TablePlan } from "../../../targets/target.ts";
import { tableFailure } from "./states.ts";

/** A query for the columns of a table's unique indexes. */
const INDEXES = `SELECT l.name AS "index", x.name AS "column", x.coll AS collation
FROM pragma_index_list(?) AS l, pragma_index_xinfo(l.name) AS x
WHERE l."unique" = 1 AND l.partial = 0 AND x.key = 1 ORDER BY l.seq`;

interface IndexColumn {
  index: string;
  column: string;
  collation: string;
}

const quoted = (name: string): string => quotedIn("sqlite", name);

/** A statement, and the numbers of the planned columns whose values are its parameters. */
interface Prepared {
  statement: StatementSync;
  takes: number[];
}

type Text = Pick<Prepared, "takes"> & { text: string };

export class RowStatements {
  readonly #db: DatabaseSync;
  readonly #plan: TablePlan;
  readonly #known = new Map<string, Prepared | null>();
  readonly #table: string;
  readonly #names: string[];
  readonly #key: number[];
  /**
   * The columns of the key, with the collations of the unique index. The collations of the columns themselves could
   * match several rows.
   */
  readonly #keyNames: string[];
  readonly #newer: number;
  #finding: StatementSync | null = null;

  constructor(db: DatabaseSync, plan: TablePlan) {
    this.#db = db;
    this.#plan = plan;
    this.#table = quotedTable(plan.table);
    this.#names = plan.columns.map(({ column }) => quoted(column.name));
    this.#key = this.#columnsWhere(({ column }) => plan.key.includes(column.name));
    const index = this.#keyIndex();
    this.#keyNames = this.#key.map((i) => {
      const found = index.find(({ column }) => column === plan.columns[i]?.column.name);
      return found ? `${this.#names[i]} COLLATE ${quoted(found.collation)}` : (this.#names[i] as string);
    });
    this.#newer = plan.columns.findIndex(({ column }) => column.name === plan.newer?.column.name);
  }

  /** Whether the record may change the existing row with its key. Undefined: no row has this key. */
  find(row: TableRow): boolean | undefined {
    this.#finding ??= this.#compiled(this.#findText());
    const given = this.#newer < 0 ? null : this.#valueOf(row, this.#newer);
    const found = this.#finding.get(given, ...this.#key.map((i) => this.#valueOf(row, i))) as
      | { fresh: number }
      | undefined;
    return found && found.fresh === 1;
  }

  #findText(): string {
    const newer = this.#names[this.#newer];
    const fresh = newer === undefined ? "1" : `(?1 IS NOT NULL AND (${newer} IS NULL OR ${newer} < ?1))`;
    const key = this.#keyNames.map((name, at) => `${name} = ?${at + 2}`).join(" AND ");
    return `SELECT coalesce(${fresh}, 0) AS fresh FROM ${this.#table} WHERE ?1 IS ?1 AND ${key}`;
  }

  /** Inserts the record. Answers the number of rows written; 0: a trigger has skipped the row. */
  insert(row: TableRow): number | null {
    return this.#run(`insert${lackedBy(row)}`, row, () => {
      // A column that the record leaves out gets its default.
      const takes = this.#columnsWhere(({ column }, i) => row.values[i] !== undefined || !column.hasDefault);
      const given = `(${takes.map((i) => this.#names[i]).join(", ")}) VALUES (${takes.map(() => "?").join(", ")})`;
      return { text: `INSERT INTO ${this.#table} ${takes.length > 0 ? given : "DEFAULT VALUES"}`, takes };
    });
  }

  /**
   * Updates the row with the record's key. Answers the number of rows written. Null: the record has no value besides
   * its key.
   */
  update(row: TableRow): number | null {
    return this.#run(`update${lackedBy(row)}`, row, () => {
      const isGiven = (i: number) => this.#plan.absent === "null" || row.values[i] !== undefined;
      const sets = this.#columnsWhere((_column, i) => !this.#key.includes(i) && isGiven(i));
      if (sets.length === 0) return null;
      const values = sets.map((i) => `${this.#names[i]} = ?`).join(", ");
      return { text: `UPDATE ${this.#table} SET ${values} WHERE ${this.#where}`, takes: [...sets, ...this.#key] };
    });
  }

  remove(row: TableRow): number | null {
    const text = `DELETE FROM ${this.#table} WHERE ${this.#where}`;
    return this.#run("remove", row, () => ({ text, takes: this.#key }));
  }

  /**
   * The columns of the unique index of the key. Empty: the key is the rowid, which has no index, or there is no key.
   */
  #keyIndex(): IndexColumn[] {
    const { table, key } = this.#plan;
    // The cast names the columns that INDEXES selects.
    const columns = this.#db.prepare(INDEXES).all(table.name) as object[] as IndexColumn[];
    const indexes = [...Map.groupBy(columns, ({ index }) => index).values()];
    return indexes.find((of) => of.length === key.length && of.every(({ column }) => key.includes(column))) ?? [];
  }

  get #where(): string {
    return this.#keyNames.map((name) => `${name} = ?`).join(" AND ");
  }

  #columnsWhere(is: (column: PlannedColumn, i: number) => boolean): number[] {
    return this.#plan.columns.flatMap((column, i) => (is(column, i) ? [i] : []));
  }

  /**
   * Runs the statement called `name`, and answers the number of changed rows. `make` makes its text at the first call;
   * null: there is nothing to write.
   */
  #run(name: string, row: TableRow, make: () => Text | null): number | null {
    const prepared = this.#prepared(name, make);
    if (!prepared) return null;
    return Number(prepared.statement.run(...prepared.takes.map((i) => this.#valueOf(row, i))).changes);
  }

  #prepared(name: string, make: () => Text | null): Prepared | null {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const made = make();
    const prepared = made && { statement: this.#compiled(made.text), takes: made.takes };
    this.#known.set(name, prepared);
    return prepared;
  }

  /**
   * Compiles a statement. Throws TableFailure: a statement that does not compile is a fault of the table, not of the
   * row.
   */
  #compiled(text: string): StatementSync {
    try {
      return this.#db.prepare(text);
    } catch (error) {
      throw tableFailure(error, this.#plan) ?? error;
    }
  }

  /**
   * The value of a column as SQLite takes it. SQLite converts a text to the type of its column, except for booleans.
   */
  #valueOf({ values }: TableRow, i: number): string | null {
    const value = values[i] ?? null;
    if (value === null || this.#plan.columns[i]?.column.kind !== "boolean") return value;
    return value === "true" ? "1" : "0";
  }
}
