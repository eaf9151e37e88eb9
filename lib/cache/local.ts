import type { LRUCache } from "lru-cache";
import { bounded } from "../batching/recent.ts";

/** A value that can be cached. Of two values with one key, the higher version is newer. */
export interface Versioned {
  version: number;
}

const ABSENT: Versioned = Object.freeze({ version: -1 });

export interface LocalOptions {
  ttlMs: number;
  /** How long the answer "does not exist" is cached. It is short, because a creation may not be announced. */
  absentTtlMs: number;
  maxEntries: number;
}

/**
 * The cache in this process: bounded and short-lived. It remembers the version of each announced change, so a slow load
 * that began before the change cannot put the old value back.
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

  /** Read it before a load and pass it to `put`: after a flush in between, `put` ignores the value. */
  get epoch(): number {
    return this.flushes;
  }

  /** Null: the value does not exist. Undefined: it is not cached. */
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

  /** Whether a newer version was announced. */
  isOld(key: string, { version }: Versioned): boolean {
    return version < (this.floors.get(key) ?? 0);
  }

  /** Keeps nothing older than `version` for `key` from now on. True if this version is new here. */
  raise(key: string, version: number): boolean {
    const told = this.floors.get(key) ?? 0;
    this.floors.set(key, Math.max(version, told));
    const held = this.entries.peek(key);
    if (held && held.version < version) this.entries.delete(key);
    return version > told;
  }

  /** Forgets the values, and keeps the announced versions. */
  flush(): void {
    this.flushes++;
    this.entries.clear();
  }
}
