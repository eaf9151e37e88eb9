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
  /** The id of the request that made the batch. Null: unknown. */
  requestId: string | null;
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
  createdAt: number;
  attempts: Attempt[];
}

/** A delivery with the document that it sends. */
export interface WholeDelivery extends DeliveryRow {
  body: string;
}

/** Where a page of deliveries ended. */
export type DeliveryPlace = Pick<DeliveryRow, "id" | "createdAt">;

/** Newest first. Omitted: any. */
export interface DeliveryQuery {
  /** The batch's public id. */
  batch?: string | undefined;
  publicId?: string | undefined;
  clientId?: number | undefined;
  state?: DeliveryState | undefined;
  event?: WebhookEvent | undefined;
  /** When it was made: epoch ms, both inclusive. */
  from?: number | undefined;
  to?: number | undefined;
  /** Only what follows this place in the list. */
  before?: DeliveryPlace | undefined;
  limit: number;
}

/** Which failed deliveries of a client, the oldest first. `since`: when they were made, epoch ms. */
export interface FailedQuery {
  clientId: number;
  since: number;
  limit: number;
}

/** What a call has replayed. */
export interface Replayed {
  /** How many deliveries were found, up to the limit of a call. `isMore`: there are further ones. */
  matched: number;
  isMore: boolean;
  /** How many were made due. */
  done: number;
  /** Some of those that matched, the newest first, as they were before. */
  examples: DeliveryRow[];
}

/** What a receiver said to a test event. */
export interface WebhookTest {
  url: string;
  /** The event's id, which its receiver got too. */
  eventId: string;
  /** Epoch ms. */
  at: number;
  /** The status of the answer; null: no answer came. */
  status: number | null;
  /** Why it counts as not delivered; null: it was delivered. */
  error: string | null;
  ms: number;
}
