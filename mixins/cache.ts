import { LRUCache } from "lru-cache";
import type { Service } from "moleculer";
import { define } from "./define.ts";
import { readWhenAsked } from "./figures.ts";

export interface CacheFigures {
  hits: number;
  misses: number;
  size: number;
}

/** What a service finds on `this` with this mixin. */
export interface WithCache {
  /** The value of `key`, by `load` where it is not known; callers at the same time share one load. A failed load is not kept. */
  cached<V extends object>(key: string, load: () => Promise<V | null>): Promise<V | null>;
  uncache(...keys: string[]): void;
  /** Forgets everything, as an operator may ask. */
  flushCache(): void;
  cacheFigures(): CacheFigures;
}

export interface CacheOptions {
  ttlMs: (service: Service) => number;
  /** How long "there is none" is believed; shorter, because nothing announces a creation. */
  absentTtlMs: number;
  maxEntries: number;
  /** Events after which entries are void: the keys that a payload names. */
  invalidatedBy: Record<string, (payload: never) => string[]>;
}

const lookups = {
  type: "counter",
  name: "dataflow_cache_lookups_total",
  help: "Lookups in this node's caches, by whether the value was there.",
  labelNames: ["cache", "result"],
} as const;

function tell({ name: cache, broker, figures }: Service & Own): void {
  readWhenAsked(broker, { ...lookups, labelNames: [...lookups.labelNames] }, () => [
    { value: figures.hits, labels: { cache, result: "hit" } },
    { value: figures.misses, labels: { cache, result: "miss" } },
  ]);
}

const ABSENT = Object.freeze({});

interface Load {
  promise: Promise<object | null>;
  isStale: boolean;
}

interface Own {
  entries: LRUCache<string, object>;
  loads: Map<string, Load>;
  figures: { hits: number; misses: number };
}

/** Gives a service a bounded in-process cache with single flight, and invalidation by events. */
export function cacheMixin(options: CacheOptions) {
  const events: Record<string, (this: Service & WithCache, ctx: { params: never }) => void> = {
    "caches.flush"(this: Service & WithCache) {
      this.flushCache();
    },
  };
  for (const [name, keysOf] of Object.entries(options.invalidatedBy))
    events[name] = function (this: Service & WithCache, ctx: { params: never }) {
      this.uncache(...keysOf(ctx.params));
    };

  return define<Service & Own & WithCache>({
    events,
    created(this: Service & Own) {
      this.entries = new LRUCache({ max: options.maxEntries, ttl: options.ttlMs(this) });
      this.loads = new Map();
      this.figures = { hits: 0, misses: 0 };
      tell(this);
    },
    methods: {
      cached(this: Service & Own, key: string, load: () => Promise<object | null>) {
        const known = this.entries.get(key);
        if (known !== undefined) {
          this.figures.hits++;
          return Promise.resolve(known === ABSENT ? null : known);
        }
        const running = this.loads.get(key);
        if (running) return running.promise;
        this.figures.misses++;
        return fill(this, key, load, options.absentTtlMs);
      },
      uncache(this: Service & Own, ...keys: string[]) {
        for (const key of keys) {
          this.entries.delete(key);
          // A load that began before the change may carry the old value: its callers get it, the cache does not.
          const running = this.loads.get(key);
          if (running) running.isStale = true;
          this.loads.delete(key);
        }
      },
      flushCache(this: Service & Own & WithCache) {
        this.uncache(...this.entries.keys(), ...this.loads.keys());
      },
      cacheFigures(this: Service & Own) {
        return { ...this.figures, size: this.entries.size };
      },
    },
  });
}

function fill(own: Own, key: string, load: () => Promise<object | null>, absentTtlMs: number): Promise<object | null> {
  const entry: Load = { isStale: false, promise: Promise.resolve(null) };
  entry.promise = load()
    .then((value) => {
      if (entry.isStale) return value;
      if (value) own.entries.set(key, value);
      else own.entries.set(key, ABSENT, { ttl: absentTtlMs });
      return value;
    })
    .finally(() => {
      if (own.loads.get(key) === entry) own.loads.delete(key);
    });
  own.loads.set(key, entry);
  return entry.promise;
}
