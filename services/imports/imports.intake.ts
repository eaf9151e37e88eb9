/** What taking in a body needs of its node. */
import type { BatchStore, UploadStore, Written } from "../../database/store.ts";
import type { RunningUploads } from "./imports.running.ts";

/** An upload, from its first chunk to the commit that makes it a batch. */
export type UploadPort = Omit<UploadStore, "forgetRepeats" | "touchUploads">;

/** What a retry reads of the batch whose rejected records it sends again. */
export type RejectedPort = Pick<BatchStore, "childOf" | "errors">;

/** The leases of uploads that run, and the rows of those that were taken away. */
export type RunningPort = Pick<BatchStore, "touchUploads" | "purgeChunks" | "deleteBatch">;

export interface Intake {
  store: UploadPort & RejectedPort;
  uploads: RunningUploads;
  leaseMs: number;
  /** Of the events' source. */
  namespace: string;
  /** Tells of a batch that was made. */
  announce(written: Written): void;
}
