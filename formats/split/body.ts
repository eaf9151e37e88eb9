import type { Envelope, RawChunk, SplitLimits, Splitter } from "../formats.ts";
import { ChunkBuilder } from "./chunks.ts";

const BOM = Buffer.from([0xef, 0xbb, 0xbf]);
const NOTHING = Buffer.alloc(0);

/** What the three splitters share: the BOM is dropped, the position in the body is known, chunks go out as they are complete. */
export abstract class BodySplitter implements Splitter {
  envelope: Envelope = {};
  protected readonly chunks: ChunkBuilder;
  /** Where in the body the piece begins that `take` has in hand. */
  protected offset = 0;
  /** The body's first bytes while they may be a BOM; null once that is decided. */
  #start: Buffer | null = NOTHING;

  constructor(limits: SplitLimits, countsLines: boolean) {
    this.chunks = new ChunkBuilder(limits, countsLines);
  }

  get records(): number {
    return this.chunks.records;
  }

  push(bytes: Buffer): RawChunk[] {
    this.#pass(this.#start === null ? bytes : this.#withoutBom(Buffer.concat([this.#start, bytes])));
    return this.chunks.drain();
  }

  end(): RawChunk[] {
    this.#pass(this.#start ?? NOTHING);
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

  #withoutBom(bytes: Buffer): Buffer {
    const isBom = bytes.subarray(0, BOM.length).equals(BOM.subarray(0, bytes.length));
    this.#start = isBom && bytes.length < BOM.length ? bytes : null;
    if (this.#start !== null) return NOTHING;
    if (!isBom) return bytes;
    this.offset = BOM.length;
    return bytes.subarray(BOM.length);
  }
}
