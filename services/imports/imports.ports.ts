/** What this actor asks of the database. */
import type { BatchStore, UploadStore } from "../../database/store.ts";

/** An upload, from its first chunk to the commit that makes it a batch. */
export type UploadPort = Omit<UploadStore, "forgetRepeats" | "touchUploads">;

/** What a retry reads of the batch whose rejected records it sends again. */
export type RejectedPort = Pick<BatchStore, "childOf" | "errors">;

/** The leases of uploads that run, and the rows of those that were taken back. */
export type RunningPort = Pick<BatchStore, "touchUploads" | "purgeChunks" | "deleteBatch">;
