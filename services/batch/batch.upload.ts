/** One upload: the pieces of a body become stored chunks, with never more than a few of them in memory. */
import { createHash } from "node:crypto";
import type { BatchStore, NewBatch, StoredChunk, UploadCommit } from "../../database/store.ts";
import { encode } from "../../formats/chunk-codec.ts";
import type { RawChunk, Splitter } from "../../formats/formats.ts";
import { Problem } from "../errors.ts";

/** Chunks that are compressed or written while the next bytes are read. More only costs memory. */
const IN_FLIGHT = 3;

export interface UploadPlan {
  batch: NewBatch;
  splitter: Splitter;
  maxBytes: number;
  leaseMs: number;
  /** Told when the upload gets its row, so that its lease is kept. */
  onBegun(id: number): void;
}

const swept = () =>
  new Problem("unavailable", "The upload was given up: its node was silent for too long. Send it again.");

export class Upload {
  private readonly plan: UploadPlan;
  private readonly store: BatchStore;
  private readonly hash = createHash("sha256");
  private readonly writes = new Set<Promise<void>>();
  private failure: unknown = null;
  /** The first chunk waits here: a body that ends within it needs no row of its own before the commit. */
  private held: RawChunk | null = null;
  private id: number | null = null;
  private bytes = 0;
  private chunks = 0;

  constructor(store: BatchStore, plan: UploadPlan) {
    this.store = store;
    this.plan = plan;
  }

  /** The row of a body that outgrew one chunk. */
  get rowId(): number | null {
    return this.id;
  }

  /**
   * Takes all pieces of the body. What it returns becomes the commit; on any error the caller must call `undo`.
   * Throws payload-too-large, unavailable, and what the splitter throws.
   */
  async take(pieces: AsyncIterable<Buffer>): Promise<Pick<UploadCommit, "id" | "batch" | "chunks" | "totals">> {
    for await (const piece of pieces) {
      this.count(piece);
      for (const chunk of this.plan.splitter.push(piece)) await this.add(chunk);
    }
    return this.finish(this.plan.splitter.end());
  }

  private count(piece: Buffer): void {
    this.bytes += piece.length;
    const { maxBytes } = this.plan;
    if (this.bytes > maxBytes)
      throw new Problem("payload-too-large", `The body is larger than ${maxBytes} bytes.`, { limit: maxBytes });
    this.hash.update(piece);
  }

  private async add(chunk: RawChunk): Promise<void> {
    this.chunks++;
    if (this.id === null && this.held === null) {
      this.held = chunk;
      return;
    }
    await this.begin();
    await this.write(chunk);
  }

  /** Makes the row, and stores the chunk that waited for it. */
  private async begin(): Promise<void> {
    const first = this.held;
    if (this.id !== null || first === null) return;
    this.held = null;
    this.id = await this.store.beginUpload(this.plan.batch, this.plan.leaseMs);
    this.plan.onBegun(this.id);
    await this.write(first);
  }

  /** Starts to compress and store a chunk; waits only while too many are under way. */
  private async write(chunk: RawChunk): Promise<void> {
    const write: Promise<void> = this.append(chunk)
      .catch((error: unknown) => {
        this.failure ??= error;
      })
      .finally(() => this.writes.delete(write));
    this.writes.add(write);
    if (this.writes.size >= IN_FLIGHT) await Promise.race(this.writes);
    if (this.failure) throw this.failure;
  }

  private async append(chunk: RawChunk): Promise<void> {
    const stored = await storedChunk(chunk);
    if (!(await this.store.appendChunks(this.id as number, [stored], this.plan.leaseMs))) throw swept();
  }

  private async finish(last: RawChunk[]) {
    await this.settle();
    if (this.failure) throw this.failure;
    const rest = this.held ? [this.held, ...last] : last;
    const { splitter, batch } = this.plan;
    return {
      id: this.id,
      batch,
      chunks: await Promise.all(rest.map(storedChunk)),
      totals: {
        bytes: this.bytes,
        records: splitter.records,
        chunks: this.chunks + last.length,
        contentHash: this.hash.digest("hex"),
        envelope: splitter.envelope,
      },
    };
  }

  private async settle(): Promise<void> {
    await Promise.all(this.writes);
  }

  /** Takes back what a refused or broken-off upload stored. True: there is a row to be wiped. */
  async undo(): Promise<boolean> {
    await this.settle();
    return this.id !== null && this.store.voidUpload(this.id, false);
  }
}

async function storedChunk({ no, firstRecord, firstLine, records, oversized, data }: RawChunk): Promise<StoredChunk> {
  return { no, firstRecord, firstLine, records, oversized, ...(await encode(data)) };
}
