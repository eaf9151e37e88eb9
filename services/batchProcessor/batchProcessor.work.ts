import type { BatchStore } from "../../database/store.ts";

/** What a worker asks of the database by itself. None of it moves a batch's state: that is asked of `batch`. */
export type WorkPort = Pick<BatchStore, "candidates" | "readChunk" | "reserveKeys" | "extendLeases" | "isOvertaken">;
