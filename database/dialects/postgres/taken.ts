/**
 * The trigger that keeps `batch_work` in step with a batch that is taken from its worker by somebody who knows that table not:
 * a node of an older version that cancels it, an operator's SQL. What the worker has committed is counted, and it commits no more.
 * Our own statements have deleted the row before; the end of a run fires nothing.
 */
import { countedColumns as counted } from "../../rows.ts";

export const workTaken: string[] = [
  `CREATE FUNCTION "batch_work_taken"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE w "batch_work"%ROWTYPE;
BEGIN
  DELETE FROM "batch_work" WHERE "batch_id" = NEW."id" RETURNING * INTO w;
  IF FOUND THEN
    ${counted.map((column) => `NEW."${column}" := w."${column}";`).join("\n    ")}
    NEW."version" := w."version" + 1;
  END IF;
  RETURN NEW;
END $$`,
  `CREATE TRIGGER "batch_work_taken" BEFORE UPDATE OF "state" ON "batch" FOR EACH ROW
    WHEN (OLD."state" = 'processing' AND NEW."state" NOT IN ('processing', 'completed', 'completed_with_errors'))
    EXECUTE FUNCTION "batch_work_taken"()`,
];
