/** One upload: the pieces of a body become stored chunks, with never more than a few of them in memory. */
import { createHash } from "node:crypto";
import type { RawChunk, Splitter, WholeBody } from "../../formats/formats.ts";
import { encode } from "../../formats/split/chunk-codec.ts";
import { Problem } from "../../lib/errors.ts";
import type { StoredChunk } from "../batch/batch.domain.ts";
import type { NewBatch, UploadCommit } from "./imports.domain.ts";
import { type Answered, answerIn } from "./imports.idempotency.ts";
import type { BodyPart, KeptBody } from "./imports.kept.ts";
import type { QuotaWatch } from "./imports.quota.ts";
import type { UploadPort } from "./imports.running.ts";
import { ChunkWrites } from "./imports.writes.ts";

/** How many bytes are read in one turn: a few ms of work in every format. */
const TURN_BYTES = 64 * 1024;
/** After this time a running upload takes its idempotency key, so that a second upload with the key is refused before it is read. */
const KEY_HELD_AFTER_MS = 100;

export interface UploadPlan {
  batch: NewBatch;
  splitter: Splitter;
  maxBytes: number;
  leaseMs: number;
  /** The Idempotency-Key. */
  key: string | null;
  /** The answer of an earlier upload with this key. If set, this body is only compared, and nothing of it is stored. */
  answered: Answered | null;
  quota: QuotaWatch | null;
  /** Keeps the body as it came. Omitted: it is not kept. */
  kept?: KeptBody | null;
  /** Runs a piece of work when it is the client's turn on the event loop. */
  inTurn<T>(work: () => T): Promise<T>;
  /** Called with the length of each piece. */
  onRead?(bytes: number): void;
  /** Called when the upload gets its row, so that its lease is renewed. */
  onBegun(id: number): void;
  /** Called when another upload turns out to have the key, while this one waits for bytes. */
  onRefused(error: unknown): void;
}

/** A body that was read to its end. `upload` is part of its commit, unless an earlier upload with its key was `answered`. */
export interface ReceivedBody {
  contentHash: string;
  answered: Answered | null;
  upload: Pick<UploadCommit, "id" | "batch" | "chunks" | "totals">;
}

const swept = () =>
  new Problem("unavailable", "The upload was given up: its node was silent for too long. Send it again.");

export class Upload {
  private readonly plan: UploadPlan;
  private readonly store: UploadPort;
  private readonly hash = createHash("sha256");
  private readonly writes = new ChunkWrites((chunks) => this.append(chunks));
  /** The first chunk, not yet stored: a body of one chunk needs no row before its commit. */
  private held: RawChunk | null = null;
  private id: number | null = null;
  private beginning: Promise<void> | null = null;
  private answered: Answered | null;
  private bytes = 0;
  private chunks = 0;

  constructor(store: UploadPort, plan: UploadPlan) {
    this.store = store;
    this.plan = plan;
    this.answered = plan.answered;
  }

  /** The id of the receiving row. Only a body of several chunks has one. */
  get rowId(): number | null {
    return this.id;
  }

  /**
   * Reads all pieces of the body. Its answer becomes the commit. After any error the caller must call `undo`. `signal` ends the
   * reading of a body that is kept until it is complete (a workbook).
   * Throws payload-too-large, quota-exceeded, idempotency-in-progress, unavailable, and what the splitter throws.
   */
  async take(pieces: AsyncIterable<Buffer>, signal?: AbortSignal): Promise<ReceivedBody> {
    const { whole } = this.plan.splitter;
    const timer =
      this.plan.key === null || this.answered ? undefined : setTimeout(() => this.beginAside(), KEY_HELD_AFTER_MS);
    try {
      for await (const piece of pieces) {
        for (const part of partsOf(piece)) {
          const chunks = await this.plan.inTurn(() => this.read(part));
          for (const chunk of chunks) await this.add(chunk);
          await this.keep(this.plan.kept?.push(part));
          if (!this.answered) await whole?.write(part);
        }
        if (!this.answered) await this.keepQuota();
      }
      if (whole) await this.readWhole(whole, signal);
    } finally {
      clearTimeout(timer);
      await whole?.close();
    }
    await this.beginning;
    return this.finish();
  }

  private read(part: Buffer): RawChunk[] {
    this.count(part);
    const { splitter } = this.plan;
    return this.answered || splitter.whole ? [] : splitter.push(part);
  }

  private async readWhole(whole: WholeBody, signal?: AbortSignal): Promise<void> {
    if (this.answered) return;
    for await (const chunk of whole.chunks(this.plan.inTurn)) {
      signal?.throwIfAborted();
      await this.add(chunk);
      if (this.answered) return;
      await this.keepQuota();
    }
  }

  private count(piece: Buffer): void {
    this.bytes += piece.length;
    this.plan.onRead?.(piece.length);
    const { maxBytes } = this.plan;
    if (this.bytes > maxBytes)
      throw new Problem("payload-too-large", `The body is larger than ${maxBytes} bytes.`, { limit: maxBytes });
    this.hash.update(piece);
  }

  private async keepQuota(): Promise<void> {
    const sent = { bytes: this.bytes, records: this.plan.splitter.records };
    if (this.plan.quota?.isOver(sent)) await this.plan.quota.lookAgain(sent);
  }

  private async add(chunk: RawChunk): Promise<void> {
    this.chunks++;
    if (this.beginning === null && this.held === null) {
      this.held = chunk;
      return;
    }
    await this.begin();
    if (this.answered) return;
    const first = this.held;
    this.held = null;
    if (first) await this.write(first);
    await this.write(chunk);
  }

  /** Makes the row, once. With an Idempotency-Key, this also takes the key. */
  private begin(): Promise<void> {
    this.beginning ??= this.makeRow();
    return this.beginning;
  }

  private async makeRow(): Promise<void> {
    const { batch, leaseMs, key } = this.plan;
    const begun =
      key === null
        ? { id: await this.store.beginUpload(batch, leaseMs) }
        : await this.store.beginKeyedUpload(batch, leaseMs, key);
    if ("holder" in begun) {
      this.answered = answerIn(begun.holder);
      return;
    }
    this.id = begun.id;
    this.plan.onBegun(begun.id);
  }

  /** Takes the key while the upload waits for bytes. A refusal ends that wait. */
  private beginAside(): void {
    this.begin().catch((error: unknown) => this.plan.onRefused(error));
  }

  /** Stores parts of the body as it came. They need the row, also where a body has one chunk only. */
  private async keep(parts: BodyPart[] = []): Promise<void> {
    for (const { no, data } of parts) {
      if (!this.answered) await this.begin();
      if (this.answered) return;
      await this.write({ no, data, firstRecord: 0, firstLine: null, records: 0, oversized: [] });
    }
  }

  /** Starts to compress and store a chunk. Waits only while too many chunks are in progress. */
  private write(chunk: RawChunk): Promise<void> {
    return this.writes.add(chunk.data.length, this.stored(chunk));
  }

  private async append(chunks: StoredChunk[]): Promise<void> {
    if (!(await this.store.appendChunks(this.id as number, chunks, this.plan.leaseMs))) throw swept();
  }

  private async finish(): Promise<ReceivedBody> {
    const last = this.answered || this.plan.splitter.whole ? [] : this.plan.splitter.end();
    await this.keep(this.plan.kept?.end());
    await this.writes.end();
    const rest = this.held ? [this.held, ...last] : last;
    const { splitter, batch } = this.plan;
    const contentHash = this.hash.digest("hex");
    const totals = {
      bytes: this.bytes,
      records: splitter.records,
      chunks: this.chunks + last.length,
      contentHash,
      envelope: splitter.envelope,
    };
    const chunks = this.answered ? [] : await Promise.all(rest.map((chunk) => this.stored(chunk)));
    return { contentHash, answered: this.answered, upload: { id: this.id, batch, chunks, totals } };
  }

  private async stored({ data, ...chunk }: RawChunk): Promise<StoredChunk> {
    return { ...chunk, ...(await encode(data, this.store.leastCompressed)) };
  }

  /** Undoes a refused or interrupted upload. True: there is a row to delete. */
  async undo(): Promise<boolean> {
    await this.beginning?.catch(() => {});
    await this.writes.settle();
    return this.id !== null && this.store.voidUpload(this.id, false);
  }
}

function* partsOf(piece: Buffer): Generator<Buffer> {
  for (let at = 0; at < piece.length; at += TURN_BYTES) yield piece.subarray(at, at + TURN_BYTES);
}
