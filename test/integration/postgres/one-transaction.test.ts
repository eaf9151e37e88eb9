/** Small batches are stored together: many in one transaction, also if the tables have a schema of their own. */
import { QueryTypes } from "sequelize";
import { type Database, openDatabase } from "../../../database/database.ts";
import { describePostgres, freshSchema, onServer } from "../../helpers/database.ts";
import { chunk, chunkCommit, end, event, LEASE, ready } from "../store/drafts.ts";

const totals = { bytes: 60, records: 3, chunks: 1, contentHash: "ab".repeat(32), envelope: {} };
const OWN = "of_one_transaction";

describePostgres("Small batches", () => {
  test.each([
    ["with plain names", "none", ""],
    ["in a schema of their own", OWN, `${OWN}.`],
  ])("are stored and committed in few transactions, %s", async (_name, schema, prefix) => {
    const before = await freshSchema();
    const warnings: string[] = [];
    const logger = { warn: (line: string) => warnings.push(line), info: () => {}, error: () => {}, debug: () => {} };
    const db: Database = await openDatabase({ url: before.url, schema, logger: logger as never });
    const transactions = async () => {
      const text = `SELECT count(DISTINCT xmin::text)::int AS n FROM ${prefix}batch`;
      const [row] = await db.sequelize.query<{ n: number }>(text, { type: QueryTypes.SELECT });
      return row?.n;
    };
    try {
      await db.migrate();
      // An index build may have waited for another program's transaction and logged that.
      warnings.length = 0;
      const queue = { cap: 99, weight: 1 };
      const events = [event("batch.created")];
      const send = () => ready(db.store, 1, { chunks: [chunk(0)], totals, queue, events });
      const batches = await Promise.all(Array.from({ length: 12 }, send));
      expect(await transactions()).toBeLessThanOrEqual(2);
      const ids = batches.map(({ id }) => id);
      const claims = await db.store.claimGroup(ids, "node:x", LEASE);
      const commits = claims.map(({ batch }) =>
        chunkCommit(batch, [], { end: end({ events: [event("batch.completed")] }) }),
      );
      const settled = await db.store.commitChunks(commits);
      expect(settled.map(({ status }) => status)).toEqual(Array(12).fill("fulfilled"));
      expect(await transactions()).toBe(1);
      expect(warnings).toEqual([]);
    } finally {
      await db.close();
      await onServer(`DROP SCHEMA IF EXISTS ${OWN} CASCADE`);
      await before.drop();
    }
  });
});
