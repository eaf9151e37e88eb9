/** Migrations of large tables while other nodes write them: changes of rows, and new indexes. */
import { QueryTypes, type Sequelize } from "sequelize";
import type { Backfill, Index } from "../../dialect.ts";
import { createIndex } from "../../migrations/ddl.ts";
import type { Names } from "../../schema/names.ts";

/** How many key values one transaction covers. Few, so that rows are locked only briefly. */
const PIECE = 10_000;

interface Left {
  from: number | null;
  to: number;
}

/** See `Dialect.fill`. Finds the range of rows to change once, then changes it piece by piece along the key. */
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

/**
 * See `Dialect.makeIndex`. CREATE INDEX CONCURRENTLY waits for running transactions and blocks no writer. If it is interrupted,
 * it leaves an invalid index, which writers maintain and no query uses. So this drops an invalid index and makes it again.
 */
export async function makeIndex(sequelize: Sequelize, index: Index, names: Names): Promise<void> {
  const name = names.schema === null ? `"${index.name}"` : `"${names.schema}"."${index.name}"`;
  const found = await sequelize.query<{ isValid: boolean }>(
    `SELECT indisvalid AS "isValid" FROM pg_index WHERE indexrelid = to_regclass('${name}')`,
    { type: QueryTypes.SELECT },
  );
  if (found[0]?.isValid) return;
  if (found.length > 0) await sequelize.query(`DROP INDEX CONCURRENTLY ${name}`);
  await sequelize.query(names.in(createIndex(index, "CONCURRENTLY ")));
}
