/** JSON text that grows: a buffer, and what is written of it. */

/** Texts up to this length are copied by a loop, which is then faster than a call. */
const FEW_BYTES = 24;

export class JsonBuffer {
  bytes: Buffer;
  length = 0;

  constructor(size: number) {
    this.bytes = Buffer.allocUnsafeSlow(size);
  }

  /** Appends bytes for which there is room. */
  copy(bytes: Buffer, from: number, to: number): void {
    if (to - from > FEW_BYTES) {
      this.length += bytes.copy(this.bytes, this.length, from, to);
      return;
    }
    const out = this.bytes;
    let length = this.length;
    for (let at = from; at < to; at++) out[length++] = bytes[at] as number;
    this.length = length;
  }

  push(byte: number): void {
    this.reserve(1);
    this.bytes[this.length++] = byte;
  }

  /** Makes room. `bytes` may be another buffer afterwards. */
  reserve(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(2 * (this.length + more));
    this.bytes.copy(larger, 0, 0, this.length);
    this.bytes = larger;
  }
}
