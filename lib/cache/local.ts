import type { LRUCache } from "lru-cache";
import { bounded } from "../batching/bounded.ts";

/** What can be cached: of two values under one key the one with the higher version is the newer. */
export interface Versioned {
  version: number;
}

const ABSENT: Versioned = Object.freeze({ version: -1 });

export interface LocalOptions {
  ttlMs: number;
  /** How long "there is none" is believed; shorter, because nothing may announce a creation. */
  absentTtlMs: number;
  maxEntries: number;
}

/**
 * The level in this process: bounded, short-lived, and never older than what it was told. For each key that was changed it
 * remembers the version, so that a slow load that began before the change cannot put the old value back.
 */
export class LocalLevel<V extends Versioned> {
  private readonly entries: LRUCache<string, V | typeof ABSENT>;
  private readonly floors: LRUCache<string, number>;
  private readonly absentTtlMs: number;
  private flushes = 0;

  constructor({ ttlMs, absentTtlMs, maxEntries }: LocalOptions) {
    // The clock is read each time (0.04 µs): kept for a ms, its timer would wake this process a thousand times a second
    // and be the kernel's next one, which a virtual machine pays with several µs a turn of the loop.
    this.entries = bounded(maxEntries, { ttl: ttlMs, ttlResolution: 0, noDeleteOnStaleGet: true });
    this.floors = bounded(maxEntries);
    this.absentTtlMs = Math.min(absentTtlMs, ttlMs);
  }

  get size(): number {
    return this.entries.size;
  }

  /** To be taken before a load, and given to `put` after it: a flush in between voids the load. */
  get epoch(): number {
    return this.flushes;
  }

  /** Null: there is none. Undefined: not known here. */
  get(key: string): V | null | undefined {
    const known = this.entries.get(key);
    return known === ABSENT ? null : (known as V | undefined);
  }

  put(key: string, value: V | null, epoch: number): void {
    if (epoch !== this.flushes) return;
    if (value === null) {
      if (!this.floors.has(key)) this.entries.set(key, ABSENT, { ttl: this.absentTtlMs });
      return;
    }
    const held = this.entries.peek(key);
    if (!this.isOld(key, value) && !(held && held.version > value.version)) this.entries.set(key, value);
  }

  /** Whether a newer version than this was told of. */
  isOld(key: string, { version }: Versioned): boolean {
    return version < (this.floors.get(key) ?? 0);
  }

  /** From now on nothing older than `version` is kept under `key`. Whether that is news. */
  raise(key: string, version: number): boolean {
    const told = this.floors.get(key) ?? 0;
    this.floors.set(key, Math.max(version, told));
    const held = this.entries.peek(key);
    if (held && held.version < version) this.entries.delete(key);
    return version > told;
  }

  /** Forgets the values, not what was told of changes. */
  flush(): void {
    this.flushes++;
    this.entries.clear();
  }
}
