/** The history of figures: what each node counts, by minutes, and by hours once two days are over. */

/** What is counted. Each is a column of `stat_minute` and `stat_hour`. */
export const counted = [
  /** Records of committed chunks. */
  "accepted",
  "rejected",
  "duplicate",
  /** The bytes of uploaded bodies, after decompression. */
  "bytes",
  /** Batches, by how they ended. */
  "batchesCompleted",
  "batchesCompletedWithErrors",
  "batchesFailed",
  "batchesRejected",
  "batchesCancelled",
  "batchesValidated",
  "batchesUndone",
  /** Requests of clients. */
  "requestsAllowed",
  "requestsRefused",
  /** Attempts of webhooks, by what came of them. */
  "deliveriesDelivered",
  "deliveriesRetried",
  "deliveriesFailed",
  /** First claims, and how long their batches had been ready, in ms. */
  "claims",
  "claimMs",
] as const;
/** The longest that a claimable batch had been waiting, in ms. It is the same on all nodes, so it is not added up. */
export const peak = "queueAgeMs";

export const figures = [...counted, peak] as const;
export type Counted = (typeof counted)[number];
export type Figure = (typeof figures)[number];
export type Figures = Record<Figure, number>;

export const noFigures = (): Figures => Object.fromEntries(figures.map((name) => [name, 0])) as Figures;

/** Adds the figures of another time or node. */
export function addFigures(sum: Figures, more: Partial<Figures>): void {
  for (const name of counted) sum[name] += more[name] ?? 0;
  sum[peak] = Math.max(sum[peak], more[peak] ?? 0);
}

/** The figures of a span that begins at `at` (epoch ms). */
export interface FiguresAt extends Figures {
  at: number;
}

/** The value of `clientId` in rows about all clients. */
export const ALL_CLIENTS = 0;

/** What a process has counted in a minute. */
export interface KeptMinute extends FiguresAt {
  clientId: number;
  node: string;
  /** The process: a node that starts again has a row of its own, so nothing that is written twice counts twice. */
  run: string;
}

export interface FiguresWanted {
  clientId: number;
  /** Epoch ms; `to` is exclusive. */
  from: number;
  to: number;
  stepMs: number;
}

export const SECOND_MS = 1_000;
export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
/** How long minutes are kept. Then they become hours. */
export const MINUTES_KEPT_MS = 48 * HOUR_MS;
export const HOURS_KEPT_MS = 90 * 24 * HOUR_MS;
/** What a process holds of the last seconds. */
export const SECONDS_KEPT_MS = 10 * MINUTE_MS;
