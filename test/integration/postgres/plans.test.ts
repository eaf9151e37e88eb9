/** How PostgreSQL reads, where it is not left to its statistics: a plan is kept from when the tables were empty. */
import pg from "pg";
import { CANDIDATES } from "../../../database/dialects/postgres/units/fairness.ts";
import { describePostgres, freshPostgres } from "../../helpers/database.ts";

/** So often the server plans for the values of the call; then it keeps a plan for all. */
const OWN_PLANS = 6;

const batches = (state: string, from: number, to: number) => `
  INSERT INTO batch (public_id, client_id, policy_version, state, format, envelope, bytes, records, chunks, phase, next_chunk,
    accepted, rejected, duplicate, fence, due_at, attempt, attempts_total, version, created_at)
  SELECT 'batch-' || n, 1, 1, '${state}', 'ndjson', '{}', 1, 1, 1, 'deliver', 0, 0, 0, 0, 0, 0, 0, 0, 1, 0
  FROM generate_series(${from}, ${to}) n`;

interface Plan {
  "Rows Removed by Filter"?: number;
  Plans?: Plan[];
}

const skippedIn = ({ "Rows Removed by Filter": removed = 0, Plans = [] }: Plan): number =>
  removed + Plans.reduce((sum, part) => sum + skippedIn(part), 0);

async function skippedAfter(history: number): Promise<[found: number, skipped: number]> {
  const at = await freshPostgres();
  const client = new pg.Client(at.url);
  await client.connect();
  try {
    await client.query("INSERT INTO client_queue VALUES (1, 0, 0, 5, 1)");
    await client.query(`PREPARE candidates AS ${CANDIDATES}`);
    for (let i = 0; i < OWN_PLANS; i++) await client.query("EXECUTE candidates(1)");
    await client.query(batches("completed", 1, history));
    await client.query(batches("ready", history + 1, history + 1));
    const { rowCount } = await client.query("EXECUTE candidates(1)");
    const { rows } = await client.query("EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE candidates(1)");
    return [rowCount ?? 0, skippedIn(rows[0]["QUERY PLAN"][0].Plan)];
  } finally {
    await client.end();
    await at.remove();
  }
}

describePostgres("PostgreSQL's plans", () => {
  it("choosing a batch reads none of those that its client sent before", async () => {
    expect(await skippedAfter(1_000)).toEqual([1, 0]);
  });
});
