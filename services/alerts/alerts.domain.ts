/**
 * Alerts: lines for the operators' chat. What there is to tell is noted in the database; one node at a time makes a line of what was
 * noted of a kind, and sends it.
 */

/** The kinds of alerts. At most one line a minute is sent of each kind. */
export const alertKinds = ["batch_failed", "batch_held", "queue_late", "delivery_failed"] as const;
export type AlertKind = (typeof alertKinds)[number];

/** This kind has no notes: its line is made from the state of the queue. */
export const QUEUE = "queue_late" satisfies AlertKind;
export type NotedKind = Exclude<AlertKind, typeof QUEUE>;

/** The topic of an outbox row that holds a note. The row is part of the commit that it tells of, and is never published. */
export const ALERT_TOPIC = "alert";

/** One thing to tell. It never has a value of a record, nor a text that a handler made. */
export interface AlertNote {
  /** The note's own id. Noting the same id twice adds nothing while the first one waits. */
  publicId: string;
  kind: NotedKind;
  about: AlertSubject;
}

export interface AlertSubject {
  /** The client's internal id. */
  clientId: number;
  batchId?: string;
  dataset?: string;
  /** Why the batch failed. */
  code?: string;
  /** The delivery's event, its id, and the status of the last answer. Null: there was no answer. */
  event?: string;
  deliveryId?: string;
  status?: number | null;
  /** How many batches or deliveries the note represents. Left out: one. */
  times?: number;
}

export interface StoredNote {
  publicId: string;
  /** When it was noted: epoch ms. */
  at: number;
  about: AlertSubject;
}

/** Notes that wait for one line. */
export interface Gathered {
  /** The first one, which the line tells of. */
  first: AlertSubject;
  /** When the first and the last one were noted: epoch ms. */
  from: number;
  to: number;
  /** How many there are. */
  times: number;
  /** How many of them each client has, by its internal id. Only the first 20 clients are here. */
  clients: [clientId: number, times: number][];
}

/** A queue that is or was late. Times are epoch ms. */
export interface QueueFault {
  /** Since when a batch has waited for too long. */
  since: number;
  /** The longest that one has waited, in ms. */
  worstMs: number;
  /** When the chat was told last. Null: never. */
  toldAt: number | null;
  /** Since when nothing waits for too long. Null: something does. */
  fineSince: number | null;
}

export type Pending = Gathered | QueueFault;

/** The right to make and send the line of a kind. Nobody else gets it while its lease lasts. */
export interface TakenAlert {
  kind: AlertKind;
  claim: string;
  /** How often in a row the line could not be sent. */
  tries: number;
  /** What is left to tell. Null: nothing but what is noted. */
  pending: Pending | null;
}

/** What a holder of a kind writes. It is written only while it holds the kind. */
export interface AlertWrite extends TakenAlert {
  /** In how long the kind may be taken again. Null: the holder goes on. */
  dueInMs: number | null;
  /** Notes that `pending` has taken in: they are deleted. */
  notes: string[];
}

/** What a receiver said to a line. */
export interface AlertTest {
  /** The host that it went to. The rest of the URL is a secret. */
  host: string;
  /** Epoch ms. */
  at: number;
  /** The status of the answer; null: no answer came. */
  status: number | null;
  /** Why it was not delivered; null: it was. */
  error: string | null;
  ms: number;
}
