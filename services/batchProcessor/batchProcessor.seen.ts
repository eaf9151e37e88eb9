/**
 * Keys that were seen in a batch, as numbers of 53 bits: a batch may have millions of records. Two keys in 10^16 are one number;
 * then a reference counts as known, and the database judges it with its row.
 */
export class SeenKeys {
  /** A slot of 0 is free. At most half of them are taken. */
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

  /** The slot that has the number, or the free one where it would be. */
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

/** FNV-1a, twice with different starts. Never 0. */
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
