/** Decodes content codings, one stage for each. Both the input and the output are bounded, and bytes after the content are detected. */
import type { Transform } from "node:stream";
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from "node:zlib";
import { Problem } from "../../lib/errors.ts";
import { CODING_ALLOWANCE, type Coding } from "./imports.contract.ts";
import { brotliWindow, type Window } from "./imports.windows.ts";

type Decoder = Transform & { bytesWritten: number };

/**
 * The size of decoded pieces. A decoder allocates one piece at once, however small its body is. With 256 KiB the garbage of many
 * small uploads cost 0.3 ms each. Larger pieces hardly make large bodies faster.
 */
const PIECE = { chunkSize: 64 * 1024 };

/** The largest window of Zstandard: 8 MiB (RFC 9659). Each upload may need that memory. */
const ZSTD = { ...PIECE, params: { [constants.ZSTD_d_windowLogMax]: 23 } };

/** The most frames of Zstandard. Each needs a new decoder, which takes half a millisecond. Real writers make frames of megabytes. */
const MOST_FRAMES = 1_000;

interface CodingFacts {
  name: string;
  /** The decoder for a stream. `start`: its first two bytes. */
  decoder(start: Buffer): Decoder;
  /** The bytes of its output that a decoder keeps, if there are many. */
  window?(first: number): number;
  /** Zero bytes after the content are allowed: tapes and block devices pad with them. */
  isPadded?: boolean;
  /** After a frame another one may follow, which needs a new decoder. (zlib continues with the next gzip member by itself.) */
  hasFrames?: boolean;
}

const facts: Record<Coding, CodingFacts> = {
  gzip: { name: "gzip", decoder: () => createGunzip(PIECE), isPadded: true },
  deflate: { name: "deflate", decoder: (start) => (isZlib(start) ? createInflate(PIECE) : createInflateRaw(PIECE)) },
  br: { name: "Brotli", decoder: () => createBrotliDecompress(PIECE), window: brotliWindow },
  zstd: { name: "Zstandard", decoder: () => createZstdDecompress(ZSTD), hasFrames: true },
};

/** Whether the zlib header (RFC 1950) is there, which belongs to `deflate`. Some clients leave it out. No encoder begins raw deflate like this. */
const isZlib = (start: Buffer): boolean =>
  start.length >= 2 && ((start[0] as number) & 15) === 8 && start.readUInt16BE() % 31 === 0;

/** Takes room for a decoder's window. */
export type RoomFor = (bytes: number) => Window;

/** Decodes one coding of a body. The caller must call `close` at the end. */
export class Decoding {
  private readonly coding: CodingFacts;
  private readonly roomFor: RoomFor;
  private window: Window | null = null;
  private readonly growth: Growth;
  private decoder: Decoder | null = null;
  private error: Error | null = null;
  private hasEnded = false;
  private wake = () => {};
  /** Wire bytes of the earlier frames, and of the current one. */
  private offset = 0;
  private given = 0;
  private frames = 0;
  /** The content has ended; only padding may follow. */
  private isOver = false;

  constructor(coding: Coding, mostWire: number, roomFor: RoomFor) {
    this.coding = facts[coding];
    this.roomFor = roomFor;
    this.growth = new Growth(this.coding.name, mostWire);
  }

  /**
   * The decoded pieces of `source`. Throws malformed-body if the stream is broken, cut off or followed by other bytes,
   * payload-too-large if it is far larger or smaller than its content justifies, and what `source` throws.
   */
  async *pieces(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    let start: Buffer | null = Buffer.alloc(0);
    for await (const piece of source) {
      this.growth.onWire(piece.length);
      if (start) start = Buffer.concat([start, piece]);
      if (start && start.length < 2) continue;
      yield* this.take(start ?? piece);
      start = null;
    }
    if (start) yield* this.take(start);
    yield* this.end();
  }

  close(): void {
    this.decoder?.destroy();
    this.window?.free();
    this.window = null;
  }

  private async *take(piece: Buffer): AsyncGenerator<Buffer> {
    for (let rest = piece; rest.length > 0; ) {
      if (this.isOver) return this.checkPadding(rest);
      this.decoder ??= await this.opened(rest);
      yield* this.written(this.decoder, rest);
      const left = this.given - this.decoder.bytesWritten;
      rest = rest.subarray(rest.length - left);
      if (left > 0) this.endFrame(this.decoder);
    }
  }

  private async opened(start: Buffer): Promise<Decoder> {
    const bytes = this.coding.window?.(start[0] as number);
    if (bytes !== undefined) {
      this.window = this.roomFor(bytes);
      await this.window.ready;
      if (this.window === null) throw this.broken("was given up");
    }
    const wake = () => this.wake();
    const decoder = this.coding.decoder(start);
    decoder.on("readable", wake).on("close", wake);
    decoder.on("end", () => {
      this.hasEnded = true;
      wake();
    });
    decoder.on("error", (error) => {
      this.error = error;
      wake();
    });
    return decoder;
  }

  /** The decoder has reached the end of its frame. Without frames that is the end of the content. */
  private endFrame(decoder: Decoder): void {
    this.offset += decoder.bytesWritten;
    if (!this.coding.hasFrames) {
      this.isOver = true;
      return;
    }
    if (++this.frames > MOST_FRAMES) throw this.broken(`has more than ${MOST_FRAMES} frames`);
    decoder.destroy();
    this.decoder = null;
    this.given = 0;
  }

  private checkPadding(rest: Buffer): void {
    const isPadding = this.coding.isPadded && rest.every((byte) => byte === 0);
    if (!isPadding) throw this.broken("is followed by something else");
  }

  /** Yields decoded pieces while the decoder works on `piece`, so that only one of them is in memory. */
  private async *written(decoder: Decoder, piece: Buffer): AsyncGenerator<Buffer> {
    let isTaken = false;
    this.given += piece.length;
    decoder.write(piece, () => {
      isTaken = true;
      this.wake();
    });
    yield* this.output(decoder, () => isTaken);
    this.growth.onTaken(this.offset + decoder.bytesWritten);
  }

  private async *end(): AsyncGenerator<Buffer> {
    if (this.isOver) return;
    const { decoder } = this;
    if (decoder === null) {
      if (this.frames === 0) throw this.broken("is broken or cut off");
      return;
    }
    decoder.end();
    yield* this.output(decoder, () => this.hasEnded);
  }

  private async *output(decoder: Decoder, isDone: () => boolean): AsyncGenerator<Buffer> {
    for (;;) {
      const piece: Buffer | null = decoder.read();
      if (piece) {
        this.growth.onDecoded(piece.length, this.offset + decoder.bytesWritten);
        yield piece;
      } else if (this.error) throw this.broken(reasonOf(this.error));
      else if (isDone()) return;
      else if (decoder.closed) throw this.broken("was given up");
      else
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
    }
  }

  private broken(what: string): Problem {
    const offset = this.offset + (this.isOver ? 0 : (this.decoder?.bytesWritten ?? 0));
    return new Problem("malformed-body", `The ${this.coding.name} stream ${what}.`, { offset });
  }
}

const reasonOf = (error: Error | null): string =>
  (error as NodeJS.ErrnoException | null)?.code === "ZSTD_error_frameParameter_windowTooLarge"
    ? "needs a window of more than 8 MiB; compress it without --long and --ultra"
    : "is broken or cut off";

/** Against bombs: a few bytes can decode to gigabytes. Real uploads grow 5 to 50 times. The ratio is checked only beyond this size. */
const MOST_GROWTH = 200;
const GROWTH_LOOKED_AT = 64 * 1024 * 1024;

/**
 * A stream can also be endlessly longer than its content, with empty members, frames and blocks. Gzip with a member for each
 * short record has up to four times the bytes of its content. The ratio is checked only beyond the allowance.
 */
const MOST_SHRINKING = 4;

/** Checks the size of a stream against the size of its content. All methods throw payload-too-large. */
class Growth {
  private readonly name: string;
  private readonly mostWire: number;
  private wire = 0;
  private decoded = 0;

  constructor(name: string, mostWire: number) {
    this.name = name;
    this.mostWire = mostWire;
  }

  onWire(bytes: number): void {
    this.wire += bytes;
    if (this.wire > this.mostWire) throw this.tooLarge(`is longer than ${this.mostWire} bytes`, this.mostWire);
  }

  /** `bytes`: how many wire bytes the decoder has taken so far. */
  onTaken(bytes: number): void {
    if (bytes > CODING_ALLOWANCE + this.decoded * MOST_SHRINKING)
      throw this.tooLarge(`is more than ${MOST_SHRINKING} times as long as what it holds`, MOST_SHRINKING);
  }

  onDecoded(bytes: number, taken: number): void {
    this.decoded += bytes;
    if (this.decoded >= GROWTH_LOOKED_AT && this.decoded > taken * MOST_GROWTH)
      throw this.tooLarge(`grows by more than ${MOST_GROWTH} times. Send it plain`, MOST_GROWTH);
  }

  private tooLarge(what: string, limit: number): Problem {
    return new Problem("payload-too-large", `The ${this.name} stream ${what}.`, { limit });
  }
}
