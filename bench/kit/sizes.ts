/** Measures the size of tables in PostgreSQL. */
import type pg from "pg";

export const megabytes = (bytes: number) => bytes / 1024 / 1024;

/**
 * Lists the tables of the connection's schema that `isMeant` accepts, with the size of each including its indexes, the largest
 * first.
 */
export async function sizesOf(db: pg.Client, isMeant: (name: string) => boolean) {
  const { rows } = await db.query<{ name: string; bytes: number }>(
    `SELECT c.relname AS name, pg_total_relation_size(c.oid)::float8 AS bytes
     FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
     ORDER BY bytes DESC`,
  );
  return rows.filter(({ name }) => isMeant(name));
}
