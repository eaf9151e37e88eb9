/** Indexes for lists of batches. All are partial: a batch that runs through and completes costs them little. */
import { indexStep } from "./ddl.ts";

export const batchLists = indexStep(
  "0046-batch-lists",
  // Most batches are completed, and are found soon by any walk.
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
