/**
 * An index that finds the batches of a client in one dataset. It is partial: most batches belong to the client's own
 * policy, and need no entry.
 */
import { indexStep } from "./ddl.ts";

export const datasetBatches = indexStep("0021-dataset-batches", {
  name: "batch_client_id_dataset_id_ix",
  table: "batch",
  columns: ["client_id", "dataset", "id"],
  where: `"dataset" <> 'default'`,
});
