/** Indexes of large tables, made while others write them. */
import { QueryTypes, type Sequelize } from "sequelize";
import type { Index } from "../../dialect.ts";
import { createIndex } from "../../migrations/ddl.ts";

/**
 * As `Dialect.makeIndex`. CONCURRENTLY waits for the transactions that are under way and holds up no writer. Where it does not come
 * to its end it leaves an index that is kept up to date and serves no read.
 */
export async function makeIndex(sequelize: Sequelize, index: Index): Promise<void> {
  const found = await sequelize.query<{ isValid: boolean }>(
    `SELECT indisvalid AS "isValid" FROM pg_index WHERE indexrelid = to_regclass('"${index.name}"')`,
    { type: QueryTypes.SELECT },
  );
  if (found[0]?.isValid) return;
  if (found.length > 0) await sequelize.query(`DROP INDEX CONCURRENTLY "${index.name}"`);
  await sequelize.query(createIndex(index, "CONCURRENTLY "));
}
