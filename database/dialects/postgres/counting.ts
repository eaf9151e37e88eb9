/**
 * The triggers that count batches in `batch_count`. Each change inserts a row of its own, so no commit waits for a
 * counter that another commit has locked. The service `batch` sums the rows up now and then. Leases and checkpoints do
 * not set `state`, so they fire no trigger.
 */
import { ALL, countedList } from "../../counts.ts";

const trigger = (name: string, body: string) => `CREATE FUNCTION "${name}"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO "batch_count" ("state", "n") ${body};
  RETURN NULL;
END $$`;

/**
 * The rows that a trigger inserts after a statement: the count of all its batches, and a count for each counted state.
 */
const rows = (of: string, sign: string) => `SELECT '${ALL}', ${sign}count(*) FROM ${of} HAVING count(*) > 0
    UNION ALL SELECT "state", ${sign}count(*) FROM ${of} WHERE "state" IN (${countedList}) GROUP BY "state"`;

export const countBatches: string[] = [
  trigger("batch_count_insert", rows("made", "")),
  trigger("batch_count_delete", rows("gone", "-")),
  trigger(
    "batch_count_update",
    `SELECT c.s, c.n FROM (VALUES (OLD."state", -1), (NEW."state", 1)) c(s, n) WHERE c.s IN (${countedList})`,
  ),
  `CREATE TRIGGER "batch_count_insert" AFTER INSERT ON "batch" REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION "batch_count_insert"()`,
  `CREATE TRIGGER "batch_count_delete" AFTER DELETE ON "batch" REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION "batch_count_delete"()`,
  `CREATE TRIGGER "batch_count_update" AFTER UPDATE OF "state" ON "batch" FOR EACH ROW
    WHEN (OLD."state" IS DISTINCT FROM NEW."state" AND (OLD."state" IN (${countedList}) OR NEW."state" IN (${countedList})))
    EXECUTE FUNCTION "batch_count_update"()`,
];

export const countAnew: string[] = [
  ...["insert", "delete", "update"].map((on) => `DROP FUNCTION "batch_count_${on}"() CASCADE`),
  ...countBatches,
];
