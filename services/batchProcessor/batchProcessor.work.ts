import type { BatchStore } from "../../database/store.ts";

/** What a worker reads and writes in the database by itself. Moves of a batch's state go through `batch`. */
export type WorkPort = Pick<
  BatchStore,
  "keepsOrder" | "candidates" | "readChunk" | "reserveKeys" | "extendLeases" | "isOvertaken"
>;
