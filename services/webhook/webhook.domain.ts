/**
 * Webhook deliveries and their attempts. A delivery is written in the commit of its batch (see OutboxDraft). While it is
 * `pending`, its `dueAt` says when a sender may take it next.
 */
export const deliveryStates = ["pending", "delivered", "failed"] as const;
export type DeliveryState = (typeof deliveryStates)[number];

/** A taken delivery. Nobody else gets it while its lease lasts. */
export interface TakenDelivery {
  id: number;
  publicId: string;
  clientId: number;
  event: string;
  /** The document to send. */
  body: string;
  /** How often it was taken since it was written, including now. */
  tries: number;
  claim: string;
}

export interface TakeDeliveries {
  limit: number;
  leaseMs: number;
  /** Clients that have as many running sends as they may. */
  busy: number[];
  /** A new id for what is taken now. */
  claim: string;
}

/** The result of one attempt. */
export interface AttemptRecord {
  id: number;
  claim: string;
  /** The status of the answer; null: no answer came. */
  status: number | null;
  error: string | null;
  ms: number;
  /** The wait before the next attempt. `isTry` false: this attempt does not count. */
  next: { state: "delivered" | "failed" } | { state: "pending"; inMs: number; isTry: boolean };
}

export interface Attempt {
  at: number;
  status: number | null;
  error: string | null;
  ms: number;
}

export interface DeliveryRow {
  id: number;
  publicId: string;
  batchId: string;
  clientId: number;
  event: string;
  state: DeliveryState;
  dueAt: number | null;
  attempts: Attempt[];
}

export interface DeliveryQuery {
  /** The batch's public id. */
  batch?: string;
  publicId?: string;
  state?: DeliveryState;
  /** Only deliveries with a lower id. The newest come first. */
  before?: number;
  limit: number;
}
