/**
 * Indexes for lists of batches. Each index is partial, so that a batch that completes without trouble costs few
 * entries.
 */
import { indexStep } from "./ddl.ts";

export const batchLists = indexStep(
  "0046-batch-lists",
  // Completed batches need no entry: most batches are completed, so a walk by id finds them soon.
  { name: "batch_state_id_ix", table: "batch", columns: ["state", "id"], where: `"state" <> 'completed'` },
  { name: "batch_dataset_id_ix", table: "batch", columns: ["dataset", "id"], where: `"dataset" <> 'default'` },
  {
    name: "batch_finished_at_id_ix",
    table: "batch",
    columns: ["finished_at", "id"],
    where: `"finished_at" IS NOT NULL`,
  },
  { name: "batch_retry_of_id_ix", table: "batch", columns: ["retry_of", "id"], where: `"retry_of" IS NOT NULL` },
  { name: "batch_corrects_id_ix", table: "batch", columns: ["corrects", "id"], where: `"corrects" IS NOT NULL` },
);
