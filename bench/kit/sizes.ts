/** How much room the tables of a system have in PostgreSQL. */
import type pg from "pg";

export const megabytes = (bytes: number) => bytes / 1024 / 1024;

/** Tables with their indexes, the largest first; of those in the schema of the connection, the meant ones. */
export async function sizesOf(db: pg.Client, isMeant: (name: string) => boolean) {
  const { rows } = await db.query<{ name: string; bytes: number }>(
    `SELECT c.relname AS name, pg_total_relation_size(c.oid)::float8 AS bytes
     FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
     ORDER BY bytes DESC`,
  );
  return rows.filter(({ name }) => isMeant(name));
}
