/** Reads one of the partner's batches. The event stream keeps it up to date. */
import { useQuery } from "../state/live.js";

/** @import { Batch } from "../types.d.ts" */
/** @import { Found } from "../state/live.js" */

/** @param {string} id @returns {Found<Batch>} */
export const useBatch = (id) =>
  useQuery(`/imports/${encodeURIComponent(id)}`, {
    topics: [`batch:${id}`],
    onEvent: (name, data) => (name === "batch" && data?.id === id ? data : undefined),
  });
