/** Turns the records of a chunk into rows of the batch's table, and rejects records whose references do not exist. */
import type { BatchStore } from "../../database/store.ts";
import type { TableDocument, TablePlan } from "../../database/targets/target.ts";
import { sentAs } from "../../formats/read/sent-as.ts";
import type { BatchRow } from "../batch/batch.domain.ts";
import type { Policy } from "../policy/policy.contract.ts";
import { check } from "./batchProcessor.chunk.ts";
import { validatorFor } from "./batchProcessor.deletes.ts";
import { refersToItself, withKnownReferences } from "./batchProcessor.references.ts";
import { withRows } from "./batchProcessor.rows.ts";
import type { Run } from "./batchProcessor.run.ts";
import { SeenKeys } from "./batchProcessor.seen.ts";
import { type TablePlans, tableOf } from "./batchProcessor.tables.ts";
import type { Checked } from "./batchProcessor.unique.ts";
import type { Validators } from "./batchProcessor.validators.ts";

interface Tools {
  work(): Pick<BatchStore, "readChunk">;
  validators: Validators;
  tables: TablePlans;
}

/** Throws TableFailure, and DatabaseUnavailable. */
export async function withRowsOf(tools: Tools, run: Run, batch: BatchRow, checked: Checked, table: TableDocument) {
  const plan = await tools.tables.of(batch, table, run.policy.schema);
  const rows = await rowsOf(tools, run, batch, checked, plan);
  if (plan.references.length === 0) return rows;
  run.seen ??= await seenBefore(tools, run, batch, plan);
  return withKnownReferences(rows, tools.tables.look(plan), run.seen);
}

function rowsOf({ validators }: Tools, run: Run, batch: BatchRow, checked: Checked, plan: TablePlan) {
  const { clientPublicId, clientIdentifier, policy } = run;
  const sent = sentAs(batch, policy, validators.of(batch, policy));
  return withRows(checked, plan, sent, { batch, clientPublicId, clientIdentifier });
}

/**
 * Reads the keys of earlier chunks. In a delivery the table already has their rows. In a check it does not, and another worker may have
 * checked these chunks, so they are read again.
 */
async function seenBefore(tools: Tools, run: Run, batch: BatchRow, plan: TablePlan): Promise<SeenKeys> {
  const seen = new SeenKeys();
  if (batch.phase === "deliver" || !refersToItself(plan)) return seen;
  for (let no = 0; no < batch.nextChunk; no++) {
    const chunk = await tools.work().readChunk(batch.id, no);
    if (!chunk) throw new Error(`Chunk ${no} of batch ${batch.publicId} is missing.`);
    const checked = await check(chunk, batch, run, await validatorOf(tools, batch, run.policy), run.stop.signal);
    const rows = await rowsOf(tools, run, batch, checked, plan);
    await withKnownReferences(rows, tools.tables.look(plan), seen);
  }
  return seen;
}

export async function validatorOf({ validators, tables }: Tools, batch: BatchRow, policy: Policy) {
  const validator = validators.of(batch, policy);
  const table = tableOf(policy);
  return table?.delete ? validatorFor(await tables.of(batch, table, policy.schema), validator) : validator;
}
