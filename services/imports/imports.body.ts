/** Reads the bytes of an upload: decodes them, and watches the idle limit. */
import type { Readable } from "node:stream";
import { createGunzip, type Gunzip } from "node:zlib";
import { Problem } from "../../lib/errors.ts";
import { type Encoding, GZIP_ALLOWANCE, mostWireBytes } from "./imports.contract.ts";
import { IdleWatch, type Patience } from "./imports.idle.ts";

/** Larger pieces cost fewer turns of the loop; this is still small beside one chunk. */
const GUNZIP_PIECE = 256 * 1024;

/** A few bytes of gzip can hold gigabytes. Real uploads grow 5 to 50 times; a ratio is only checked beyond this size. */
const MOST_GROWTH = 200;
const GROWTH_LOOKED_AT = 64 * 1024 * 1024;

/**
 * Gzip can also be longer than its content, without end: by empty members and blocks. A stream that is cut into
 * members of one short record each has up to four times the bytes; a ratio is only checked beyond this size.
 */
const MOST_SHRINKING = 4;

interface BodyOptions {
  /** Of the decoded body; a gzip stream that is longer than a body of it may be is refused on the way. */
  maxBytes: number;
  patience: Patience;
  /** Its abort ends the wait for the next piece, with the abort's reason. */
  signal?: AbortSignal;
  /** Gets all bytes of the wire, also those after the end of the encoded content. */
  onWire?: ((piece: Buffer) => void) | null;
}

/**
 * The decoded pieces of `wire`, which stays open afterwards, also after an error: the client has still to get its answer.
 * Throws upload-timeout when nothing or too little came, malformed-body for broken gzip, payload-too-large for gzip that is
 * out of all proportion to what it holds, and what `wire` throws (a hang-up).
 */
export async function* decodedBody(wire: Readable, encoding: Encoding, options: BodyOptions): AsyncGenerator<Buffer> {
  if (encoding === "gzip") return yield* unzipped(wire, options);
  for await (const piece of watched(wire, wire, options)) {
    options.onWire?.(piece);
    yield piece;
  }
}

async function* unzipped(wire: Readable, options: BodyOptions): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: GUNZIP_PIECE });
  const fail = (error: Error) => gunzip.destroy(error);
  const growth = new Growth(gunzip, options.maxBytes);
  let refusal: Problem | null = null;
  const take = (piece: Buffer) => {
    options.onWire?.(piece);
    refusal ??= growth.onWire(piece.length);
    if (refusal) fail(refusal);
  };
  wire.once("error", fail);
  wire.on("data", take);
  wire.pipe(gunzip);
  try {
    for await (const piece of watched(gunzip, wire, options)) {
      growth.onDecoded(piece.length);
      yield piece;
    }
    wire.unpipe(gunzip);
    if (options.onWire && !wire.readableEnded)
      for await (const _ of watched(wire, wire, options)) if (refusal) throw refusal;
  } catch (error) {
    if (!isGzipFault(error)) throw error;
    throw new Problem("malformed-body", "The gzip stream is broken or cut off.", { offset: gunzip.bytesWritten });
  } finally {
    wire.off("error", fail);
    wire.off("data", take);
    wire.unpipe(gunzip);
    gunzip.on("error", () => {}).destroy();
  }
}

/** Whether a gzip stream is in proportion to what it holds. */
class Growth {
  private readonly gunzip: Gunzip;
  private readonly mostWire: number;
  private wire = 0;
  private decoded = 0;

  constructor(gunzip: Gunzip, maxBytes: number) {
    this.gunzip = gunzip;
    this.mostWire = mostWireBytes("gzip", maxBytes);
  }

  /** Checks the ratio after more bytes have come, some of them not decoded yet. Returns the refusal, or null. */
  onWire(bytes: number): Problem | null {
    this.wire += bytes;
    if (this.wire > this.mostWire)
      return tooLarge(`The gzip stream is longer than ${this.mostWire} bytes.`, this.mostWire);
    if (this.gunzip.bytesWritten <= GZIP_ALLOWANCE + this.decoded * MOST_SHRINKING) return null;
    return tooLarge(`The gzip stream is more than ${MOST_SHRINKING} times as long as what it holds.`, MOST_SHRINKING);
  }

  /** Throws payload-too-large. */
  onDecoded(bytes: number): void {
    this.decoded += bytes;
    if (this.decoded < GROWTH_LOOKED_AT || this.decoded <= this.gunzip.bytesWritten * MOST_GROWTH) return;
    throw tooLarge(`The gzip stream grows by more than ${MOST_GROWTH} times. Send it plain.`, MOST_GROWTH);
  }
}

const tooLarge = (detail: string, limit: number) => new Problem("payload-too-large", detail, { limit });

const isGzipFault = (error: unknown) => /^Z_/.test(String((error as { code?: string } | null)?.code));

async function* watched(
  source: Readable,
  wire: Readable,
  { patience, signal }: Pick<BodyOptions, "patience" | "signal">,
): AsyncGenerator<Buffer> {
  const watch = new IdleWatch(patience, signal);
  // Much gzip can arrive before a piece comes out of it. (A listener on the source itself would set it flowing.)
  const came = (piece: Buffer) => watch.came(piece.length);
  if (source !== wire) wire.on("data", came);
  // `destroyOnReturn`: leaving this loop early must not cut the connection under the answer.
  const pieces = source.iterator({ destroyOnReturn: false });
  try {
    for (;;) {
      const next = await watch.orIdle(pieces.next());
      if (next.done) return;
      if (source === wire) came(next.value as Buffer);
      yield next.value as Buffer;
    }
  } finally {
    wire.off("data", came);
    watch.end();
  }
}
