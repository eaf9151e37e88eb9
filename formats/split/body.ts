import type { Envelope, RawChunk, SplitLimits, Splitter } from "../formats.ts";
import { ChunkBuilder } from "./chunks.ts";

const BOM = Buffer.from([0xef, 0xbb, 0xbf]);
const NOTHING = Buffer.alloc(0);
const CR = 13;
const MOST_HELD = 2;

/** What the three splitters share: the BOM is dropped, the position in the body is known, chunks go out as they are complete. */
export abstract class BodySplitter implements Splitter {
  envelope: Envelope = {};
  protected readonly chunks: ChunkBuilder;
  /** The offset within the body of the piece that `take` is working on. */
  protected offset = 0;
  /** Whether no piece but the last ends with a CR: what follows a CR decides where its line ends. */
  protected holdsCr = false;
  /** The body's first bytes while they may be a BOM; null once that is decided. */
  #start: Buffer | null = NOTHING;
  /** CRs at the end of the last piece. */
  #held: Buffer = NOTHING;

  constructor(limits: SplitLimits, countsLines: boolean) {
    this.chunks = new ChunkBuilder(limits, countsLines);
  }

  get records(): number {
    return this.chunks.records;
  }

  push(bytes: Buffer): RawChunk[] {
    const piece = this.#start === null ? bytes : this.#withoutBom(Buffer.concat([this.#start, bytes]));
    this.#pass(this.holdsCr ? this.#withoutCr(piece) : piece);
    return this.chunks.drain();
  }

  end(): RawChunk[] {
    this.#pass(Buffer.concat([this.#held, this.#start ?? NOTHING]));
    this.finish();
    this.chunks.end();
    return this.chunks.drain();
  }

  /** Takes a piece, which is not empty. */
  protected abstract take(bytes: Buffer): void;
  /** The body has ended: completes or refuses what is unfinished. */
  protected abstract finish(): void;

  #pass(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.take(bytes);
    this.offset += bytes.length;
  }

  /** Two CRs are enough to know: with a LF behind them they are one line end. */
  #withoutCr(piece: Buffer): Buffer {
    const bytes = this.#held.length > 0 ? Buffer.concat([this.#held, piece]) : piece;
    let end = bytes.length;
    while (end > 0 && bytes.length - end < MOST_HELD && bytes[end - 1] === CR) end--;
    this.#held = Buffer.from(bytes.subarray(end));
    return bytes.subarray(0, end);
  }

  #withoutBom(bytes: Buffer): Buffer {
    const isBom = bytes.subarray(0, BOM.length).equals(BOM.subarray(0, bytes.length));
    this.#start = isBom && bytes.length < BOM.length ? bytes : null;
    if (this.#start !== null) return NOTHING;
    if (!isBom) return bytes;
    this.offset = BOM.length;
    return bytes.subarray(BOM.length);
  }
}
