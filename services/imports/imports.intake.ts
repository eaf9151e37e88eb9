import type { Written } from "../../database/store.ts";
import type { RejectedPort, UploadPort } from "./imports.ports.ts";
import type { RunningUploads } from "./imports.running.ts";

/** What taking in a body needs of its node. */
export interface Intake {
  store: UploadPort & RejectedPort;
  uploads: RunningUploads;
  leaseMs: number;
  /** Of the events' source. */
  namespace: string;
  /** Tells of a batch that was made. */
  announce(written: Written): void;
}
