/** What deliveries to webhooks and locks ask of the database. See store.ts. */
import type { AuditDraft } from "../services/audit/audit.domain.ts";
import type {
  AttemptRecord,
  DeliveryQuery,
  DeliveryRow,
  FailedQuery,
  TakeDeliveries,
  TakenDelivery,
} from "../services/webhook/webhook.domain.ts";

/** Deliveries to webhooks. */
export interface DeliveryStore {
  /** Takes at most one delivery of each client, longest due first. Until its lease expires no other caller gets it. */
  takeDeliveries(take: TakeDeliveries): Promise<TakenDelivery[]>;
  /** Stores an attempt. Changes the delivery only if this caller still holds it. */
  recordAttempt(attempt: AttemptRecord): Promise<void>;
  /** Fails all waiting deliveries of a client, each with an attempt that says why. Answers how many. */
  failDeliveries(clientId: number, error: string): Promise<number>;
  /** Makes a delivery due now, with all its tries again. False: there is no such delivery, or it is not `clientId`'s. */
  replayDelivery(which: { publicId: string; clientId?: number | undefined }, audit?: AuditDraft): Promise<boolean>;
  /** The ids of failed deliveries. */
  failedDeliveries(query: FailedQuery): Promise<number[]>;
  /** Makes those of these deliveries due now that are still failed, with one audit row for all. Answers how many. */
  replayFailed(ids: number[], audit?: AuditDraft): Promise<number>;
  listDeliveries(query: DeliveryQuery): Promise<DeliveryRow[]>;
  /** The document that a delivery sends. Null: there is no such delivery. */
  deliveryBody(id: number): Promise<string | null>;
  /** For the start of an embedded node: ends every claim of a delivery, because no other process can hold one. */
  voidClaims(): Promise<void>;
}

/** Named locks with a time to live. */
export interface LockStore {
  /** Takes the lock if nobody holds it, or the holder's time has expired. */
  acquireLock(name: string, token: string, ttlMs: number): Promise<boolean>;
  /** Extends a lock. False: the lock has expired, or another caller holds it. */
  extendLock(name: string, token: string, ttlMs: number): Promise<boolean>;
  releaseLock(name: string, token: string): Promise<void>;
  /** Deletes expired locks. A process that died releases none, and the next claim of a batch uses another lock name. */
  forgetLocks(): Promise<void>;
}
