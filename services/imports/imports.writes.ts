/** Stores the chunks of one upload: compresses several at the same time, and writes with one call at a time. */
import type { StoredChunk } from "../batch/batch.domain.ts";

/** The most bytes in progress while the next are read: a few chunks, or many compressed ones. More would only cost memory. */
const MOST_BYTES = 4 * 1024 * 1024;
/** The least bytes that a chunk counts, because a waiting chunk costs memory beside its bytes. */
const LEAST_BYTES = MOST_BYTES / 64;
const counted = (bytes: number): number => Math.max(bytes, LEAST_BYTES);
/** The most chunks of one write. Chunks that were compressed during a write are written together in the next one. */
const MOST_AT_ONCE = 4;

export class ChunkWrites {
  private readonly store: (chunks: StoredChunk[]) => Promise<void>;
  private readonly underWay = new Set<Promise<void>>();
  private readonly compressed: StoredChunk[] = [];
  private isWriting = false;
  private bytes = 0;
  private failure: unknown = null;

  constructor(store: (chunks: StoredChunk[]) => Promise<void>) {
    this.store = store;
  }

  /** Adds a chunk of `size` bytes that is being compressed. Resolves when more may be read. Throws the error of a failed write. */
  async add(size: number, chunk: Promise<StoredChunk>): Promise<void> {
    this.bytes += counted(size);
    this.begin(this.take(size, chunk));
    while (this.bytes >= MOST_BYTES && this.failure === null) await Promise.race(this.underWay);
    this.throwFailure();
  }

  /** Waits for all writes. Throws the error of a failed one. */
  async end(): Promise<void> {
    await this.settle();
    this.throwFailure();
  }

  async settle(): Promise<void> {
    while (this.underWay.size > 0) await Promise.race(this.underWay);
  }

  private throwFailure(): void {
    if (this.failure !== null) throw this.failure;
  }

  private begin(work: Promise<void>): void {
    const begun: Promise<void> = work
      .catch((error: unknown) => {
        this.failure ??= error;
      })
      .finally(() => this.underWay.delete(begun));
    this.underWay.add(begun);
  }

  private async take(size: number, chunk: Promise<StoredChunk>): Promise<void> {
    const stored = await chunk;
    this.bytes -= counted(size) - counted(stored.body.length);
    this.compressed.push(stored);
    if (!this.isWriting) this.begin(this.writeNext());
  }

  private async writeNext(): Promise<void> {
    this.isWriting = true;
    const chunks = this.compressed.splice(0, MOST_AT_ONCE);
    await this.store(chunks);
    this.isWriting = false;
    for (const { body } of chunks) this.bytes -= counted(body.length);
    if (this.compressed.length > 0) this.begin(this.writeNext());
  }
}
