/** The names of the tables in a database that other products use too. */
import { namesIn } from "../../../database/schema/names.ts";

const postgres = namesIn("dataflow", "FUNCTION");
const mssql = namesIn("dataflow", "TRIGGER");
const sqlite = namesIn("dataflow", "prefix");

test.each([
  [
    "SELECT 1 FROM batch WHERE batch.id = 1",
    'FROM "dataflow".batch WHERE batch.id',
    "FROM dataflow_batch AS batch WHERE batch.id",
  ],
  [
    "SELECT b.id FROM batch b JOIN outbox AS o ON true",
    'FROM "dataflow".batch b JOIN "dataflow".outbox AS o',
    "FROM dataflow_batch b JOIN dataflow_outbox AS o",
  ],
  [
    "UPDATE batch SET state = 'FROM batch '",
    `UPDATE "dataflow".batch SET state = 'FROM batch '`,
    `UPDATE dataflow_batch AS batch SET state = 'FROM batch '`,
  ],
  [
    "DELETE FROM client_queue",
    'DELETE FROM "dataflow".client_queue',
    "DELETE FROM dataflow_client_queue AS client_queue",
  ],
  ["SELECT 1 FROM made JOIN batch_count_x", "FROM made JOIN batch_count_x", "FROM made JOIN batch_count_x"],
  [
    'CREATE INDEX "batch_ix" ON "batch" ("id")',
    'CREATE INDEX "batch_ix" ON "dataflow"."batch" (',
    'CREATE INDEX "batch_ix" ON "dataflow_batch" (',
  ],
])("%s", (text, inSchema, withPrefix) => {
  expect(postgres.in(text)).toContain(inSchema);
  expect(mssql.in(text)).toContain(inSchema);
  expect(sqlite.in(text)).toContain(withPrefix);
});

test("functions and triggers move with the schema", () => {
  const [made, trigger] = ['CREATE FUNCTION "batch_count_insert"()', 'CREATE TRIGGER "batch_count_insert" ON "batch"'];
  expect(postgres.in(made)).toBe('CREATE FUNCTION "dataflow"."batch_count_insert"()');
  expect(postgres.in(trigger)).toBe('CREATE TRIGGER "batch_count_insert" ON "dataflow"."batch"');
  expect(mssql.in(trigger)).toBe('CREATE TRIGGER "dataflow"."batch_count_insert" ON "dataflow"."batch"');
});

test("without a schema all names stay", () => {
  expect(namesIn("none", "prefix").in("SELECT 1 FROM batch")).toBe("SELECT 1 FROM batch");
});
