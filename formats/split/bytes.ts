/** Up to it a loop is quicker than a call. */
const FEW_BYTES = 24;

/** Bytes that grow at their end; the memory doubles, so that many small pieces cost no quadratic copying. */
export class ByteStore {
  #memory = Buffer.alloc(0);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  append(bytes: Buffer, from: number, to: number): void {
    if (to <= from) return;
    this.#reserve(this.#length + to - from);
    if (to - from > FEW_BYTES) bytes.copy(this.#memory, this.#length, from, to);
    else for (let i = from, at = this.#length; i < to; i++) this.#memory[at++] = bytes[i] as number;
    this.#length += to - from;
  }

  push(byte: number): void {
    this.#reserve(this.#length + 1);
    this.#memory[this.#length++] = byte;
  }

  truncate(length: number): void {
    if (length < this.#length) this.#length = length;
  }

  /** Removes this many bytes at `at`. */
  cut(at: number, bytes: number): void {
    this.#memory.copyWithin(at, at + bytes, this.#length);
    this.#length -= bytes;
  }

  /** A window on the bytes from `from` on, good until the next change. */
  view(from = 0): Buffer {
    return this.#memory.subarray(from, this.#length);
  }

  /** The text of UTF-8 between two places. */
  text(from: number, to: number): string {
    return this.#memory.toString("utf8", from, to);
  }

  /** A copy in memory of its own: no pool and no larger buffer stays alive because of it. */
  copy(): Buffer {
    const copy = Buffer.allocUnsafeSlow(this.#length);
    this.#memory.copy(copy, 0, 0, this.#length);
    return copy;
  }

  #reserve(length: number): void {
    if (length <= this.#memory.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.#memory.length));
    this.#memory.copy(larger, 0, 0, this.#length);
    this.#memory = larger;
  }
}
