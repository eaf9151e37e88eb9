/** One of the partner's batches, kept up to date by the event stream. */
import { useQuery } from "../state/live.js";

/** @import { Batch } from "../types.d.ts" */
/** @import { Found } from "../state/live.js" */

/** @param {string} id @returns {Found<Batch>} */
export const useBatch = (id) =>
  useQuery(`/imports/${encodeURIComponent(id)}`, {
    topics: [`batch:${id}`],
    onEvent: (name, data) => (name === "batch" && data?.id === id ? data : undefined),
  });
