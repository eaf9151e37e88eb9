/**
 * Two levels over a database for what is read with every request and changed seldom:
 *
 *   cached(key) ─► in process (LOCAL_CACHE_TTL) ─► Redis, where REDIS_URL is set ─► load, once for all who wait
 *   renewed(keys, value) ─► Redis, if newer ─► then the caller announces it, and every node drops what is older
 *
 * Three things keep it from serving old values: events (a few ms), versions (an older value never replaces a newer one, in
 * process or in Redis), and the safety read (every 4 s it reads the rows changed lately). The safety read alone bounds the age
 * to 6 s if every event is lost, whatever Redis holds. While Redis is away it reads the database, within 100 ms.
 */
import type { Service } from "moleculer";
import { configOf } from "../config/config.ts";
import { LocalLevel, type Versioned } from "../lib/cache/local.ts";
import { type Change, SharedLevel } from "../lib/cache/shared.ts";
import { readWhenAsked } from "../lib/metrics/figures.ts";
import { define, fields, type GivenBy } from "./define.ts";
import { redisMixin } from "./redis.ts";
import { scheduleMixin } from "./schedule.ts";

export interface CacheFigures {
  local: { hits: number; misses: number; size: number };
  /** `fallbacks`: reads that Redis did not answer. Null without REDIS_URL. */
  redis: { hits: number; misses: number; fallbacks: number } | null;
}

/** `Needs`: what the function `changes` finds on its service. */
export interface CacheOptions<V extends Versioned, Needs = unknown> {
  /** A part of the keys in Redis. */
  name: string;
  localTtlMs: (service: Service) => number;
  redisTtlMs: (service: Service) => number;
  absentTtlMs: number;
  maxEntries: number;
  /** The events that announce a change. Each answers the keys that changed, and the new version. */
  invalidatedBy: Record<string, (payload: never) => { keys: string[]; version: number }>;
  /** Everything that was changed in the last `ms`, by the database's clock. */
  changes: (service: Service & Needs, ms: number) => Promise<Change<V>[]>;
  /** Called for a change that only the safety read found, for others on this node that listen for its event. */
  missed?: (service: Service, value: V) => void;
  toJson?: (value: V) => unknown;
  fromJson?: (json: unknown) => V;
}

const lookups = {
  type: "counter",
  name: "dataflow_cache_lookups_total",
  help: "Lookups in this node's caches, by whether the value was there.",
  labelNames: ["cache", "result"],
} as const;
const sharedLookups = {
  ...lookups,
  name: "dataflow_cache_redis_lookups_total",
  help: "Lookups in Redis of what was not in the process, by whether it was there; fallback: Redis did not answer.",
} as const;

function tell<V extends Versioned>(service: Service & Own<V>): void {
  const { name: cache, broker, figures } = service;
  readWhenAsked(broker, lookups, () => [
    { value: figures.hits, labels: { cache, result: "hit" } },
    { value: figures.misses, labels: { cache, result: "miss" } },
  ]);
  readWhenAsked(broker, sharedLookups, () => {
    const { hits, misses, fallbacks } = service.shared?.figures ?? { hits: 0, misses: 0, fallbacks: 0 };
    return [
      { value: hits, labels: { cache, result: "hit" } },
      { value: misses, labels: { cache, result: "miss" } },
      { value: fallbacks, labels: { cache, result: "fallback" } },
    ];
  });
}

/** The read may take 2 s more, so an old value lives for at most 6 s. */
const SAFETY_READ_MS = 4_000;
/** A change that was committed up to this long after its time stamp is still found. */
const OVERLAP_MS = 30_000;

interface Own<V extends Versioned> {
  local: LocalLevel<V>;
  shared: SharedLevel<V> | null;
  loads: Map<string, Promise<V | null>>;
  figures: { hits: number; misses: number };
  /** Monotonic time at which the last safety read began whose changes all reached Redis. */
  syncedAt: number;
  stopListening: () => void;
}

/** Gives a service `cached` and `renewed` for one kind of values. */
export function cacheMixin<V extends Versioned, Needs = unknown>(options: CacheOptions<V, Needs>) {
  const { toJson = (value: V): unknown => value, fromJson = (json: unknown) => json as V } = options;

  const invalidations = Object.entries(options.invalidatedBy).map(([name, told]) => [
    name,
    function (this: Own<V>, ctx: { params: never }) {
      const { keys, version } = told(ctx.params);
      for (const key of keys) raise(this, key, version);
    },
  ]);

  return define({
    mixins: [redisMixin, scheduleMixin],
    needs: fields<Needs>(),
    state: fields<Own<V>>(),
    events: {
      "caches.flush"() {
        this.flushCache();
      },
      /** Events may have been lost while the transporter was disconnected, so the mixin reads changes. */
      "$transporter.connected"() {
        flush(this);
      },
      ...Object.fromEntries(invalidations),
    },
    created() {
      const { absentTtlMs, maxEntries } = options;
      this.local = new LocalLevel({ ttlMs: options.localTtlMs(this), absentTtlMs, maxEntries });
      this.shared = null;
      this.loads = new Map();
      this.figures = { hits: 0, misses: 0 };
      tell(this);
      this.syncedAt = Number.NEGATIVE_INFINITY;
      this.stopListening = () => {};
    },
    methods: {
      /** The value of `key`; calls `load` if it is not cached. Callers at the same time share one load. A failed load is not cached. */
      cached(key: string, load: () => Promise<V | null>): Promise<V | null> {
        const known = this.local.get(key);
        if (known !== undefined) {
          this.figures.hits++;
          return Promise.resolve(known);
        }
        this.figures.misses++;
        return this.loads.get(key) ?? fly(this, key, load);
      },
      /** Call it after the commit of a change, before announcing it: from then on no node reads an older value from Redis. */
      async renewed(keys: string[], value: V) {
        for (const key of keys) {
          raise(this, key, value.version);
          this.local.put(key, value, this.local.epoch);
        }
        await this.shared?.put(keys, value);
      },
      /** Empties the cache of this process, for operators. Redis is read again once recent changes are written to it. */
      flushCache() {
        flush(this);
        this.shared?.lost();
        this.readChanges().catch((error: unknown) =>
          this.logger.warn(
            "Reading recent changes after the cache was emptied failed; the next regular read follows:",
            error,
          ),
        );
      },
      /** Deletes what Redis holds of this cache; answers how many keys, null: there is no Redis. Rejects while it is away. */
      async emptyRedis() {
        return this.shared ? this.shared.empty() : null;
      },
      cacheFigures(): CacheFigures {
        return {
          local: { ...this.figures, size: this.local.size },
          redis: this.shared && { ...this.shared.figures },
        };
      },
      /** Runs the safety read now. */
      async readChanges() {
        const began = performance.now();
        // Redis may have missed changes for longer than its time to live. By then the old values have expired anyway.
        const missedMs = Math.min(began - this.syncedAt, options.redisTtlMs(this));
        const changes = await options.changes(this, missedMs + OVERLAP_MS);
        for (const { keys, value } of changes) {
          const isNews = keys.map((key) => raise(this, key, value.version)).includes(true);
          if (isNews) options.missed?.(this, value);
        }
        if (!this.shared || (await this.shared.bringUpToDate(changes))) this.syncedAt = began;
      },
    },
    async started() {
      const config = configOf(this.broker);
      // A single process without Redis makes all changes itself, so it needs no safety read.
      if (!config.redisUrl && config.isEmbedded) return;
      // The start may have waited long for the database, so the first read waits for the start to end.
      const readOnceStarted = async () => this.broker.started && this.readChanges();
      const read = this.schedule("The safety read", SAFETY_READ_MS, readOnceStarted);
      this.broker.localBus.once("$broker.started", read);
      const link = this.redis;
      if (!link) return;
      this.shared = new SharedLevel(link, { name: options.name, ttlMs: options.redisTtlMs(this), toJson, fromJson });
      this.stopListening = link.onChange((isUp) => {
        if (!isUp) return this.shared?.lost();
        flush(this);
        read();
      });
    },
    async stopped() {
      this.stopListening();
    },
  });
}

/** What a service finds on `this` with this mixin. */
export type WithCache<V extends Versioned> = GivenBy<ReturnType<typeof cacheMixin<V>>>;

/** A load in progress may return the old value. Its callers get it; later callers do not. True if this version is new here. */
function raise<V extends Versioned>(own: Own<V>, key: string, version: number): boolean {
  own.loads.delete(key);
  return own.local.raise(key, version);
}

function flush<V extends Versioned>(own: Own<V>): void {
  own.local.flush();
  own.loads.clear();
}

/** Joins callers that ask for the same key at the same time into one load. */
function fly<V extends Versioned>(own: Own<V>, key: string, load: () => Promise<V | null>): Promise<V | null> {
  const flight: Promise<V | null> = find(own, key, load);
  own.loads.set(key, flight);
  const land = () => {
    if (own.loads.get(key) === flight) own.loads.delete(key);
  };
  // The value is written to Redis in the background, so that the answer does not wait for it.
  flight.then(land, land);
  return flight;
}

async function find<V extends Versioned>({ local, shared }: Own<V>, key: string, load: () => Promise<V | null>) {
  const { epoch } = local;
  const held = shared ? await shared.get(key) : null;
  if (held && !local.isOld(key, held)) {
    local.put(key, held, epoch);
    return held;
  }
  const value = await load();
  local.put(key, value, epoch);
  // Not awaited: Redis may be slow or away.
  if (value) shared?.put([key], value);
  return value;
}
