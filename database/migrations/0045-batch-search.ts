/** Indexes for the search of batches by what their upload was sent with: its X-Request-Id, and the checksum of its body. */
import { indexStep } from "./ddl.ts";

export const batchSearch = indexStep(
  "0045-batch-search",
  { name: "batch_request_id_id_ix", table: "batch", columns: ["request_id", "id"] },
  { name: "batch_content_hash_id_ix", table: "batch", columns: ["content_hash", "id"] },
);
