/**
 * The trigger that keeps `batch_count`. Each change is a row of its own, so no commit waits for another one's counter; a
 * sweep folds them. Units take what they wrote by OUTPUT … INTO, the form that a table with triggers allows.
 */
import { ALL, countedList } from "../../counts.ts";

export const countBatches: string[] = [
  `CREATE TRIGGER "batch_count_change" ON "batch" AFTER INSERT, UPDATE, DELETE AS
BEGIN
  SET NOCOUNT ON;
  IF NOT UPDATE("state") AND EXISTS (SELECT 1 FROM inserted) RETURN;
  INSERT INTO "batch_count" ("state", "n")
  SELECT c."state", SUM(c."n") FROM (
    SELECT '${ALL}' AS "state", 1 AS "n" FROM inserted UNION ALL SELECT '${ALL}', -1 FROM deleted
    UNION ALL SELECT i."state", 1 FROM inserted AS i WHERE i."state" IN (${countedList})
    UNION ALL SELECT d."state", -1 FROM deleted AS d WHERE d."state" IN (${countedList})) AS c
  GROUP BY c."state" HAVING SUM(c."n") <> 0;
END`,
];
