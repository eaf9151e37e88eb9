/** Indexes of large tables, made while others write them. */
import { QueryTypes, type Sequelize } from "sequelize";
import type { Index } from "../../dialect.ts";
import { createIndex } from "../../migrations/ddl.ts";
import type { Names } from "../../schema/names.ts";

/**
 * As `Dialect.makeIndex`. CONCURRENTLY waits for the transactions that are under way and holds up no writer. Where it does not come
 * to its end it leaves an index that is kept up to date and serves no read.
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
