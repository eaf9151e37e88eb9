/** Indexes that find the batch of an idempotency key without knowing the client, and the idempotency key of a batch. */
import { indexStep } from "./ddl.ts";

export const keySearch = indexStep(
  "0047-key-search",
  { name: "idempotency_key_key_ix", table: "idempotency_key", columns: ["key"] },
  { name: "idempotency_key_of_batch_ix", table: "idempotency_key", columns: ["batch_id", "expires_at"] },
);
