import { Problem } from "../../lib/errors.ts";

/** Deeper nesting than this is refused: no record needs it, and parsers further on recurse. */
export const MAX_DEPTH = 1000;
const LF = 10;
const CR = 13;
const QUOTE = 34;
const BACKSLASH = 92;
const OPENS_ARRAY = 91;
const CLOSES_ARRAY = 93;
const OPENS_OBJECT = 123;
const CLOSES_OBJECT = 125;

const marks = (...bytes: number[]) => {
  const table = new Uint8Array(256);
  for (const byte of bytes) table[byte] = 1;
  return table;
};
const BRACKETS = [OPENS_ARRAY, CLOSES_ARRAY, OPENS_OBJECT, CLOSES_OBJECT];
const ENDS_STRING_RUN = marks(LF, CR, QUOTE, BACKSLASH);
const ENDS_NESTED_RUN = marks(LF, CR, QUOTE, ...BRACKETS);
const ENDS_SCALAR = marks(LF, CR, QUOTE, 9, 32, 44, ...BRACKETS);

/** Why a scan stopped: the element is complete, the piece has ended, or it met a CR or LF. */
export type Stop = "end" | "piece" | "newline";

/** Finds the end of one element of the array: strings and brackets only, the rest is left to the record checker. */
export class ElementScanner {
  stop: Stop = "end";
  isString = false;
  #isEscaped = false;
  #isScalar = false;
  #depth = 0;
  /** For each open bracket the one that closes it. */
  readonly #closers = new Uint8Array(MAX_DEPTH);

  /** The next element begins with `byte`. */
  begin(byte: number): void {
    this.#isScalar = byte !== QUOTE && byte !== OPENS_ARRAY && byte !== OPENS_OBJECT;
  }

  /** Reads on from `from`; returns the place where it stopped: behind the element, at the end of the piece, or at the newline. */
  scan(bytes: Buffer, from: number, offset: number): number {
    if (this.#isScalar) return this.#scalar(bytes, from);
    let i = from;
    this.stop = "piece";
    while (i < bytes.length && this.stop === "piece") {
      i = this.isString ? this.#string(bytes, i) : this.#nested(bytes, i, offset);
    }
    return i;
  }

  #scalar(bytes: Buffer, from: number): number {
    let i = from;
    while (i < bytes.length && ENDS_SCALAR[bytes[i] as number] === 0) i++;
    this.stop = i < bytes.length ? "end" : "piece";
    return i;
  }

  #string(bytes: Buffer, from: number): number {
    let i = from;
    if (!this.#isEscaped) while (i < bytes.length && ENDS_STRING_RUN[bytes[i] as number] === 0) i++;
    const byte = bytes[i];
    if (byte === undefined) return i;
    if (byte === LF || byte === CR) return this.#newline(i);
    if (this.#isEscaped) this.#isEscaped = false;
    else if (byte === BACKSLASH) this.#isEscaped = true;
    else this.#endString();
    return i + 1;
  }

  #endString(): void {
    this.isString = false;
    if (this.#depth === 0) this.stop = "end";
  }

  #nested(bytes: Buffer, from: number, offset: number): number {
    let i = from;
    while (i < bytes.length && ENDS_NESTED_RUN[bytes[i] as number] === 0) i++;
    const byte = bytes[i];
    if (byte === undefined) return i;
    if (byte === LF || byte === CR) return this.#newline(i);
    if (byte === QUOTE) this.isString = true;
    else if (byte === OPENS_ARRAY || byte === OPENS_OBJECT) this.#open(byte, offset + i);
    else this.#close(byte, offset + i);
    return i + 1;
  }

  #newline(at: number): number {
    this.#isEscaped = false;
    this.stop = "newline";
    return at;
  }

  #open(byte: number, offset: number): void {
    if (this.#depth === MAX_DEPTH) throw malformed(`Nesting is deeper than ${MAX_DEPTH}.`, offset);
    this.#closers[this.#depth++] = byte === OPENS_ARRAY ? CLOSES_ARRAY : CLOSES_OBJECT;
  }

  #close(byte: number, offset: number): void {
    if (this.#closers[--this.#depth] !== byte) throw malformed("A closing bracket does not match.", offset);
    if (this.#depth === 0) this.stop = "end";
  }
}

export function malformed(detail: string, offset: number): Problem {
  return new Problem("malformed-body", detail, { offset });
}
