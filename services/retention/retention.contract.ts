import { action } from "../declare.ts";
import type { Erasure, ErasureCounts } from "./retention.domain.ts";

export const retentionActions = {
  /** Starts a round soon: something new is due for deletion. Returns at once. */
  wake: action({}).answers<void>(),
  /**
   * Erases what the batches of a dataset have of a person: what has all these values in these fields. `isDryRun`: only counts.
   * Throws validation, legal-hold.
   */
  erase: action(
    {
      /** The public id of the client. Omitted: all clients with the dataset. */
      client: { type: "string", optional: true },
      dataset: { type: "string" },
      where: { type: "object" },
      isDryRun: { type: "boolean", optional: true },
    },
    { timeout: 0 },
  ).answers<{ erasure: Erasure } | { counts: ErasureCounts }>(),
  /** Throws not-found. */
  erasure: action({ publicId: { type: "string" } }).answers<Erasure>(),
  /** Newest first. `before`: an internal id. */
  erasures: action({
    before: { type: "number", optional: true },
    limit: { type: "number", integer: true, min: 1, max: 201 },
  }).answers<Erasure[]>(),
};
