/** What every peer of `drain` does with a batch: it stores the records of an NDJSON body as rows, by one statement. */
import type pg from "pg";
import { RECORDS } from "../small.ts";

/** The table as the product has it. */
export const recordTable = (schema: string) =>
  `CREATE TABLE ${schema}.record (batch_id BIGINT NOT NULL, seq BIGINT NOT NULL, data TEXT NOT NULL, PRIMARY KEY (batch_id, seq))`;

export type Client = Pick<pg.ClientBase, "query">;

/** Stores the body's lines under `id`. Throws where they are not as many as they should be. */
export async function storeRecords(db: Client, schema: string, id: number, body: string): Promise<void> {
  const { rowCount } = await db.query({
    name: "store",
    text: `INSERT INTO ${schema}.record (batch_id, seq, data)
      SELECT $1, t.n, t.data FROM string_to_table(rtrim($2, E'\\n'), E'\\n') WITH ORDINALITY AS t(data, n)`,
    values: [id, body],
  });
  if (rowCount !== RECORDS) throw new Error(`${rowCount} records were stored.`);
}
