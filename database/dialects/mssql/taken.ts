/** See the PostgreSQL twin. */
import { countedColumns as counted } from "../../rows.ts";

const types: Partial<Record<string, string>> = { phase: "NVARCHAR(255)", next_chunk: "INT" };
const kept = ["batch_id", ...counted, "version"];

export const workTaken: string[] = [
  `CREATE TRIGGER "batch_work_taken" ON "batch" AFTER UPDATE AS
BEGIN
  SET NOCOUNT ON;
  IF NOT UPDATE("state") RETURN;
  DECLARE @w TABLE (${kept.map((column) => `"${column}" ${types[column] ?? "BIGINT"}`).join(", ")});
  DELETE FROM "batch_work" OUTPUT ${kept.map((column) => `deleted."${column}"`).join(", ")} INTO @w
  WHERE "batch_id" IN (SELECT i."id" FROM inserted AS i JOIN deleted AS d ON d."id" = i."id"
    WHERE d."state" = 'processing' AND i."state" NOT IN ('processing', 'completed', 'completed_with_errors'));
  IF @@ROWCOUNT = 0 RETURN;
  UPDATE "batch" SET ${counted.map((column) => `"${column}" = w."${column}"`).join(", ")}, "version" = w."version" + 1
  FROM @w AS w WHERE "batch"."id" = w."batch_id";
END`,
];
