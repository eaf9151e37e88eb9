/**
 * Deletes rows of a table piece by piece, so that no transaction is long. A removal has one instance for each table.
 */
import { bounded } from "../../lib/batching/recent.ts";
import type { Removed } from "../../services/batch/batch.reads.domain.ts";
import { columnOf, type Table } from "../schema/table.ts";
import { gather, type Lock, remove, rowSet, type Step, select } from "./steps.ts";
import type { Params, Units } from "./unit.ts";

export interface Piece {
  table: Table;
  /** The columns that order the rows. They follow the columns of `rows` in the primary key. */
  key: string[];
  /** The parameters of `rows` and `taken`. */
  of: Params;
  /** Locks the row that a node must hold to delete a piece. No row: another node deletes here now, or nobody may delete. */
  taken: Lock;
  /** The condition of the rows to delete. */
  rows: string;
  /** What else the unit writes when it has deleted `:gone` rows. */
  also?: Step[];
}

/** How many positions are remembered. Forgetting one costs only time. */
const MOST_REACHED = 1_000;

/** Deletes rows of a table piece by piece. */
export class Pieces {
  readonly table: Parameters<Removed>[0];
  /**
   * How far this node has deleted. Deleted rows stay in the index for a while. Without this position each piece would read over
   * all of them again.
   */
  readonly #reached = bounded<string, number>(MOST_REACHED);
  readonly #piece;
  readonly #looking;

  constructor(on: Units, { table, key, of, taken, rows, also = [] }: Piece) {
    this.table = table.name as Parameters<Removed>[0];
    const columns = key.map((name) => columnOf(table, name).column);
    const [first = "", second] = columns;
    const list = columns.join(", ");
    const left = `${rows} AND ${first} >= :from`;
    const last = rowSet("last", table, key);
    const andSecond = second ? ` AND (${first} < :last_${first} OR ${second} <= :last_${second})` : "";
    // Deletes up to a last key instead of a list of keys, so that the rows are read along the index.
    const from = columnOf(table, key[0] as string).kind;
    this.#piece = on.unit({ ...of, from, limit: "int" } as Params, ({ first: top, mostDeleted }) => [
      taken,
      gather(table, {
        select: top(
          1,
          `${columns.map((column) => `piece.${column}`).join(", ")}
    FROM (${top(mostDeleted(":limit"), `${list} FROM ${table.name} WHERE ${left} AND EXISTS (SELECT 1 FROM taken) ORDER BY ${list}`)}) AS piece
    ORDER BY ${columns.map((column) => `piece.${column} DESC`).join(", ")}`,
        ),
        into: last,
        isOne: true,
      }),
      remove(table, { where: `${left} AND ${first} <= :last_${first}${andSecond}`, countAs: "gone" }),
      ...also,
      select<{ gone: number; last: number | null }>(`SELECT :gone AS "gone", :last_${first} AS "last" FROM taken`),
    ]);
    this.#looking = on.unit({ ...of, from } as Params, ({ first: top }) => [
      select(top(1, `${first} AS "first" FROM ${table.name} WHERE ${left} ORDER BY ${list}`)),
    ]);
  }

  /** Deletes at most `limit` rows, and answers how many. Null: `taken` found no row. */
  async next(of: Record<string, number>, limit: number): Promise<number | null> {
    const name = Object.values(of).join();
    const row = await this.#piece.row({ ...of, from: this.#reached.get(name) ?? 0, limit });
    if (!row) return null;
    if (row.last !== null) this.#reached.set(name, row.last);
    return row.gone;
  }

  /**
   * Whether rows are left. A piece that deleted fewer rows than its limit does not prove that none is left, because its
   * snapshot may be older than another node's last piece. So before the answer no, all rows are searched again from the
   * first one.
   */
  async hasMore(of: Record<string, number>): Promise<boolean> {
    const name = Object.values(of).join();
    const from = this.#reached.get(name) ?? 0;
    if (await this.#looking.row({ ...of, from })) return true;
    this.#reached.delete(name);
    return from > 0 && (await this.#looking.row({ ...of, from: 0 })) !== undefined;
  }
}
