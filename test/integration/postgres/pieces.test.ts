/** A delete in pieces never exceeds its limit, even if the planner expects a single row. */
import type { Removed } from "../../../services/batch/batch.reads.domain.ts";
import { describePostgres, freshPostgres, type TestDatabase } from "../../helpers/database.ts";

const KEYS = 500;
const LIMIT = 100;
const LATER = Date.now() + 1_000_000_000;

let database: TestDatabase;

describePostgres("pieces of what is over", () => {
  beforeEach(async () => {
    database = await freshPostgres();
  });
  afterEach(() => database.remove());

  test("keys that expire all at once, and of which the statistics know none, are deleted piece by piece", async () => {
    const { sequelize, store } = database.db;
    await sequelize.query(`INSERT INTO record_key (client_id, key_hash, batch_id, chunk_no, ends_at)
      SELECT 1, decode(md5(n::text), 'hex'), 1, 0, ${LATER} + n FROM generate_series(1, ${KEYS}) n`);
    await sequelize.query("ANALYZE record_key");
    await sequelize.query("UPDATE record_key SET ends_at = 1000");
    const pieces: number[] = [];
    const removed: Removed = (table, n) => {
      if (table === "record_key") pieces.push(n);
    };
    while (!(await store.forgetExpiredKeys(LIMIT, removed)));
    expect(pieces).toEqual([LIMIT, LIMIT, LIMIT, LIMIT, LIMIT, 0]);
  });
});
