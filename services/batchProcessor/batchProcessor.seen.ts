/**
 * The keys that were seen in a batch. Each is hashed to a number of 53 bits, because a batch may have millions of records. Two keys have
 * the same number with a probability of 1 in 10^16. Then a missing reference counts as known, and the database rejects the row.
 */
export class SeenKeys {
  /** A slot with 0 is free. At most half of the slots are taken. */
  #slots = new Float64Array(1024);
  #size = 0;

  add(key: string): void {
    const number = numberOf(key);
    const slot = this.#slotOf(number);
    if (this.#slots[slot] === number) return;
    this.#slots[slot] = number;
    if (++this.#size * 2 > this.#slots.length) this.#grow();
  }

  has(key: string): boolean {
    const number = numberOf(key);
    return this.#slots[this.#slotOf(number)] === number;
  }

  /** The slot that holds the number, or the free slot for it. */
  #slotOf(number: number): number {
    let slot = number % this.#slots.length;
    while (this.#slots[slot] !== 0 && this.#slots[slot] !== number) slot = (slot + 1) % this.#slots.length;
    return slot;
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = new Float64Array(before.length * 2);
    for (const number of before) if (number !== 0) this.#slots[this.#slotOf(number)] = number;
  }
}

/** Hashes a key by FNV-1a, twice with different start values. The result is never 0. */
function numberOf(key: string): number {
  let low = 0x811c9dc5;
  let high = 0x9747b28c;
  for (let i = 0; i < key.length; i++) {
    const code = key.charCodeAt(i);
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul(high ^ code, 0x85ebca6b);
  }
  return (high & 0x1fffff) * 2 ** 32 + (low >>> 0) || 1;
}
