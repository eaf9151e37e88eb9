/** Indexes to search batches by the X-Request-Id of their upload, or by the checksum of their body. */
import { indexStep } from "./ddl.ts";

export const batchSearch = indexStep(
  "0045-batch-search",
  { name: "batch_request_id_id_ix", table: "batch", columns: ["request_id", "id"] },
  { name: "batch_content_hash_id_ix", table: "batch", columns: ["content_hash", "id"] },
);
