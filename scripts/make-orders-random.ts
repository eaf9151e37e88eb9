/** Random numbers that are the same in each run (mulberry32), so that the example file can be made again. */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** A number from 0 to below 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  of<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  byWeight<T>(items: readonly T[], weightOf: (item: T) => number): T {
    const sum = items.reduce((total, item) => total + weightOf(item), 0);
    let left = this.next() * sum;
    for (const item of items) {
      left -= weightOf(item);
      if (left < 0) return item;
    }
    return items[0] as T;
  }
}
