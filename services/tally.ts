/**
 * Counts what this process does, by seconds and by minutes, next to the metrics. Its memory is bounded: it keeps ten minutes of seconds,
 * the current minute by client, and the minutes that are not stored yet.
 */
import type { ServiceBroker } from "moleculer";
import {
  ALL_CLIENTS,
  addFigures,
  type Counted,
  type Figures,
  type FiguresAt,
  MINUTE_MS,
  noFigures,
  peak,
  SECOND_MS,
  SECONDS_KEPT_MS,
} from "./stats/stats.domain.ts";

/** How many whole seconds a rate covers. */
const RATE_SECONDS = 10;
/** How many clients of a minute are kept: those with the most records. */
const MOST_CLIENTS = 200;
/** How many clients the current minute counts by themselves. Further clients count only in the sum of all clients. */
const MOST_CLIENTS_AT_ONCE = 5_000;
/** How many minutes may wait for the database. With 200 clients each they take a few MB. */
const MOST_MINUTES = 60;

export interface Rates {
  acceptedPerSecond: number;
  rejectedPerSecond: number;
  duplicatePerSecond: number;
  bytesPerSecond: number;
  requestsPerSecond: number;
  batchesPerSecond: number;
}

export const noRates = (): Rates => ({
  acceptedPerSecond: 0,
  rejectedPerSecond: 0,
  duplicatePerSecond: 0,
  bytesPerSecond: 0,
  requestsPerSecond: 0,
  batchesPerSecond: 0,
});

export interface TalliedMinute {
  at: number;
  byClient: Map<number, Figures>;
  /** Whether this minute has counted something since it was last stored. */
  isDirty: boolean;
}

const floor = (ms: number, step: number) => ms - (ms % step);

export class Tally {
  private readonly seconds = new Map<number, Figures>();
  private readonly minutes = new Map<number, TalliedMinute>();
  private readonly now: () => number;
  /** Minutes that were dropped because they could not be written. */
  lost = 0;

  constructor(now: () => number = Date.now) {
    this.now = now;
  }

  /** Counts for the sum of all clients, and for this client. */
  add(name: Counted, by = 1, clientId?: number): void {
    if (by === 0) return;
    const at = this.now();
    this.second(at)[name] += by;
    const minute = this.minute(at);
    figuresOf(minute, ALL_CLIENTS)[name] += by;
    if (clientId === undefined) return;
    if (minute.byClient.has(clientId) || minute.byClient.size <= MOST_CLIENTS_AT_ONCE)
      figuresOf(minute, clientId)[name] += by;
  }

  /** Keeps the longest wait of the queue. */
  waited(ms: number): void {
    if (ms <= 0) return;
    const at = this.now();
    addFigures(this.second(at), { [peak]: ms });
    addFigures(figuresOf(this.minute(at), ALL_CLIENTS), { [peak]: ms });
  }

  /** The rates over the last ten whole seconds. */
  rates(): Rates {
    const end = floor(this.now(), SECOND_MS);
    const sum = noFigures();
    for (const [at, figures] of this.seconds)
      if (at < end && at >= end - RATE_SECONDS * SECOND_MS) addFigures(sum, figures);
    const each = (n: number) => Number((n / RATE_SECONDS).toFixed(2));
    return {
      acceptedPerSecond: each(sum.accepted),
      rejectedPerSecond: each(sum.rejected),
      duplicatePerSecond: each(sum.duplicate),
      bytesPerSecond: each(sum.bytes),
      requestsPerSecond: each(sum.requestsAllowed + sum.requestsRefused),
      batchesPerSecond: each(
        sum.batchesCompleted +
          sum.batchesCompletedWithErrors +
          sum.batchesFailed +
          sum.batchesRejected +
          sum.batchesCancelled +
          sum.batchesValidated +
          sum.batchesUndone,
      ),
    };
  }

  /** The last ten minutes in steps. Steps in which nothing was counted are left out. */
  recent(stepMs: number): FiguresAt[] {
    const steps = new Map<number, Figures>();
    for (const [at, figures] of this.seconds) {
      const start = floor(at, stepMs);
      const sum = steps.get(start) ?? noFigures();
      addFigures(sum, figures);
      steps.set(start, sum);
    }
    return [...steps].map(([at, figures]) => ({ at, ...figures }));
  }

  /**
   * The minutes to write: those that are over, also where all clients' part is written already, and the running one if it has
   * changed. `isLast`: the node stops, so the running minute is written by client, too, whether it has changed or not.
   */
  unwritten(isLast = false): TalliedMinute[] {
    return [...this.minutes.values()].filter((minute) => isLast || minute.isDirty || this.isOver(minute));
  }

  isOver({ at }: TalliedMinute): boolean {
    return at + MINUTE_MS <= this.now();
  }

  /** Drops an ended minute that is stored. */
  forget({ at }: TalliedMinute): void {
    this.minutes.delete(at);
  }

  private second(at: number): Figures {
    const start = floor(at, SECOND_MS);
    const known = this.seconds.get(start);
    if (known) return known;
    for (const old of this.seconds.keys()) if (old <= start - SECONDS_KEPT_MS) this.seconds.delete(old);
    const made = noFigures();
    this.seconds.set(start, made);
    return made;
  }

  private minute(at: number): TalliedMinute {
    const start = floor(at, MINUTE_MS);
    const known = this.minutes.get(start) ?? this.begin(start);
    known.isDirty = true;
    return known;
  }

  private begin(at: number): TalliedMinute {
    for (const minute of this.minutes.values()) if (minute.byClient.size > MOST_CLIENTS) keepLargest(minute);
    for (const old of this.minutes.keys())
      if (this.minutes.size >= MOST_MINUTES) {
        this.minutes.delete(old);
        this.lost++;
      }
    const made = { at, byClient: new Map(), isDirty: true };
    this.minutes.set(at, made);
    return made;
  }
}

function figuresOf({ byClient }: TalliedMinute, clientId: number): Figures {
  const known = byClient.get(clientId) ?? noFigures();
  byClient.set(clientId, known);
  return known;
}

const weightOf = ({ accepted, rejected, duplicate, requestsAllowed, requestsRefused }: Figures) =>
  accepted + rejected + duplicate + requestsAllowed + requestsRefused;

/** Reduces a minute to the sum of all clients, and the clients with the most records and requests. */
export function keepLargest({ byClient }: TalliedMinute): void {
  const clients = [...byClient].filter(([clientId]) => clientId !== ALL_CLIENTS);
  clients.sort(([, a], [, b]) => weightOf(b) - weightOf(a));
  for (const [clientId] of clients.slice(MOST_CLIENTS)) byClient.delete(clientId);
}

/** The tally of each broker, because a process may have several nodes. */
const tallies = new WeakMap<ServiceBroker, Tally>();

export function tallyOf(broker: ServiceBroker): Tally {
  const known = tallies.get(broker) ?? new Tally();
  tallies.set(broker, known);
  return known;
}
