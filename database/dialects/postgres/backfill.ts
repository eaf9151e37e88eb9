/** Rows of large tables that a migration changes, while others write them. */
import { QueryTypes, type Sequelize } from "sequelize";
import type { Backfill } from "../../dialect.ts";
import type { Names } from "../../schema/names.ts";

/** So many values of the key at once: no row is locked for longer than their change takes. */
const PIECE = 10_000;

interface Left {
  from: number | null;
  to: number;
}

/** As `Dialect.fill`. What is left is looked for once, in all rows; then the pieces follow each other along the key. */
export async function fill(sequelize: Sequelize, { table, key, set, where }: Backfill, names: Names): Promise<void> {
  const name = names.of(table);
  const [left] = await sequelize.query<Left>(
    `SELECT min("${key}")::float8 AS "from", max("${key}")::float8 AS "to" FROM ${name} WHERE ${where}`,
    { type: QueryTypes.SELECT },
  );
  const { from, to } = left as Left;
  for (let at = from ?? Number.POSITIVE_INFINITY; at <= to; at += PIECE)
    await sequelize.query(
      `UPDATE ${name} SET ${set} WHERE "${key}" >= ${at} AND "${key}" < ${at + PIECE} AND (${where})`,
    );
}
