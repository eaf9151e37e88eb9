/**
 * Webhook deliveries and their attempts. A delivery is written in the commit of its batch (see OutboxDraft). While it is
 * `pending`, its `dueAt` says when a sender may take it next.
 */
export const deliveryStates = ["pending", "delivered", "failed"] as const;
export type DeliveryState = (typeof deliveryStates)[number];

/** The events that a webhook can receive. */
export const webhookEvents = [
  "batch.created",
  "batch.ready",
  "batch.completed",
  "batch.validated",
  "batch.undone",
  "batch.held",
] as const;
export type WebhookEvent = (typeof webhookEvents)[number];

/** A delivery that a node has taken to send. No other node can take it while its lease lasts. */
export interface TakenDelivery {
  id: number;
  publicId: string;
  clientId: number;
  event: string;
  /** The document to send. */
  body: string;
  /** How often the delivery was taken since it was written, including now. */
  tries: number;
  claim: string;
  /** The id of the request that made the batch. Null: unknown. */
  requestId: string | null;
}

export interface TakeDeliveries {
  limit: number;
  leaseMs: number;
  /** Clients to skip: they have the most running sends that a client may have. */
  busy: number[];
  /** A new id, which all deliveries of this take get. */
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
  /**
   * The state after the attempt. `inMs`: the wait before the next attempt. `isTry` false: this attempt does not count.
   */
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
  createdAt: number;
  attempts: Attempt[];
}

/** A delivery with the document that it sends. */
export interface WholeDelivery extends DeliveryRow {
  body: string;
}

/** The last delivery of a page: the next page begins after this delivery. */
export type DeliveryPlace = Pick<DeliveryRow, "id" | "createdAt">;

/** A search in the list of deliveries, the newest first. A condition that is left out admits any delivery. */
export interface DeliveryQuery {
  /** The batch's public id. */
  batch?: string | undefined;
  publicId?: string | undefined;
  clientId?: number | undefined;
  state?: DeliveryState | undefined;
  event?: WebhookEvent | undefined;
  /** `from` and `to`: the time at which the delivery was made, in epoch ms, both inclusive. */
  from?: number | undefined;
  to?: number | undefined;
  /** Lists only deliveries that are older than this one. */
  before?: DeliveryPlace | undefined;
  limit: number;
}

/** A search for failed deliveries of a client, made at `since` (epoch ms) or later. The oldest come first. */
export interface FailedQuery {
  clientId: number;
  since: number;
  limit: number;
}

/** The result of replaying the failed deliveries of a client. */
export interface Replayed {
  /** The number of failed deliveries found, at most the limit of one call. `isMore`: there are more than this limit. */
  matched: number;
  isMore: boolean;
  /** The number of deliveries that were made due again. */
  done: number;
  /** A few of the failed deliveries, the newest first, as they were before the replay. */
  examples: DeliveryRow[];
}

/** The result of sending a test event to a webhook. */
export interface WebhookTest {
  url: string;
  /** The id of the test event. The receiver gets the same id. */
  eventId: string;
  /** Epoch ms. */
  at: number;
  /** The status of the answer; null: no answer came. */
  status: number | null;
  /** Why the test event counts as not delivered. Null: it was delivered. */
  error: string | null;
  ms: number;
}
