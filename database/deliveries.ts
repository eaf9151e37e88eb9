/**
 * The seam of the delivery tables: what is sent to webhooks, and every attempt at it. A delivery is written with its batch
 * (see OutboxDraft); while it is `pending`, `due_at` tells when somebody may take it next. A dialect implements it.
 */
export const deliveryStates = ["pending", "delivered", "failed"] as const;
export type DeliveryState = (typeof deliveryStates)[number];

/** One that was taken: nobody else gets it while the lease lasts. */
export interface TakenDelivery {
  id: number;
  publicId: string;
  clientId: number;
  event: string;
  /** The document to send. */
  body: string;
  /** How often it was taken since it was put in, this time included. */
  tries: number;
  claim: string;
}

export interface TakeDeliveries {
  limit: number;
  leaseMs: number;
  /** Clients that have enough under way. */
  busy: number[];
  /** A new name for what is taken now. */
  claim: string;
}

/** What became of one sending. */
export interface AttemptRecord {
  id: number;
  claim: string;
  /** Of the answer; null: there was none. */
  status: number | null;
  error: string | null;
  ms: number;
  /** A wait; `isTry` false: it does not count as one of its tries. */
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
  /** Only ids below it (newest first). */
  before?: number;
  limit: number;
}

export interface DeliveryStore {
  /** At most one a client, those that are due for longest first; each to one caller until its lease is over. */
  takeDeliveries(take: TakeDeliveries): Promise<TakenDelivery[]>;
  /** Writes the attempt down; moves the delivery on only if it is still that claim's. */
  recordAttempt(attempt: AttemptRecord): Promise<void>;
  /** Ends all that wait of a client, each with an attempt that tells why. How many these were. */
  failDeliveries(clientId: number, error: string): Promise<number>;
  /** To be sent now, with all its tries again. False: there is none. */
  replayDelivery(publicId: string): Promise<boolean>;
  /** Newest first. */
  listDeliveries(query: DeliveryQuery): Promise<DeliveryRow[]>;
  /** Embedded start: nobody has taken any. */
  voidClaims(): Promise<void>;
}
