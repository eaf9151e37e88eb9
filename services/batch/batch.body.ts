/** The bytes of an upload on their way in: decoded, within the idle limit. */
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { Problem } from "../errors.ts";

export type Encoding = "identity" | "gzip";

/** Larger pieces cost fewer turns of the loop; this is still small beside one chunk. */
const GUNZIP_PIECE = 256 * 1024;

/** A few bytes can stand for gigabytes. What people send grows by 5 to 50 times; nothing is said of less than so much. */
const MOST_GROWTH = 200;
const GROWTH_LOOKED_AT = 64 * 1024 * 1024;

interface BodyOptions {
  /** Its abort ends the wait for the next piece, with the abort's reason. */
  signal?: AbortSignal;
  /** Takes all bytes of the wire, also those behind the end of what they encode. */
  onWire?: ((piece: Buffer) => void) | null;
}

/**
 * The decoded pieces of `wire`, which stays open afterwards, also after an error: the client has still to get its answer.
 * Throws upload-timeout when nothing came for `idleMs`, malformed-body for broken gzip, payload-too-large for gzip that grows
 * beyond measure, and what `wire` throws (a hang-up).
 */
export async function* decodedBody(
  wire: Readable,
  encoding: Encoding,
  idleMs: number,
  { signal, onWire }: BodyOptions = {},
): AsyncGenerator<Buffer> {
  if (encoding === "identity") {
    for await (const piece of withinIdle(wire, wire, idleMs, signal)) {
      onWire?.(piece);
      yield piece;
    }
    return;
  }
  const gunzip = createGunzip({ chunkSize: GUNZIP_PIECE });
  const fail = (error: Error) => gunzip.destroy(error);
  wire.once("error", fail);
  if (onWire) wire.on("data", onWire);
  wire.pipe(gunzip);
  try {
    let bytes = 0;
    for await (const piece of withinIdle(gunzip, wire, idleMs, signal)) {
      bytes += piece.length;
      checkGrowth(bytes, gunzip.bytesWritten);
      yield piece;
    }
    wire.unpipe(gunzip);
    if (onWire && !wire.readableEnded) for await (const _ of withinIdle(wire, wire, idleMs, signal));
  } catch (error) {
    if (!isGzipFault(error)) throw error;
    throw new Problem("malformed-body", "The gzip stream is broken or cut off.", { offset: gunzip.bytesWritten });
  } finally {
    wire.off("error", fail);
    if (onWire) wire.off("data", onWire);
    wire.unpipe(gunzip);
    gunzip.on("error", () => {}).destroy();
  }
}

function checkGrowth(bytes: number, wireBytes: number): void {
  if (bytes < GROWTH_LOOKED_AT || bytes <= wireBytes * MOST_GROWTH) return;
  throw new Problem("payload-too-large", `The gzip stream grows by more than ${MOST_GROWTH} times. Send it plain.`, {
    limit: MOST_GROWTH,
  });
}

const isGzipFault = (error: unknown) => /^Z_/.test(String((error as { code?: string } | null)?.code));

async function* withinIdle(
  source: Readable,
  wire: Readable,
  idleMs: number,
  signal?: AbortSignal,
): AsyncGenerator<Buffer> {
  const watch = new IdleWatch(idleMs, signal);
  // Much gzip can arrive before a piece comes out of it. (A listener on the source itself would set it flowing.)
  const touch = () => watch.touch();
  if (source !== wire) wire.on("data", touch);
  // `destroyOnReturn`: leaving this loop early must not cut the connection under the answer.
  const pieces = source.iterator({ destroyOnReturn: false });
  try {
    for (;;) {
      const next = await watch.orIdle(pieces.next());
      if (next.done) return;
      yield next.value as Buffer;
    }
  } finally {
    wire.off("data", touch);
    watch.end();
  }
}

/** Tells when nothing came for too long, counting only while the reader waits, or when nothing is wanted any more. */
class IdleWatch {
  private readonly timer: NodeJS.Timeout;
  private readonly idleMs: number;
  private readonly signal: AbortSignal | undefined;
  private giveUp: ((error: unknown) => void) | null = null;

  constructor(idleMs: number, signal?: AbortSignal) {
    this.idleMs = idleMs;
    this.signal = signal;
    this.timer = setTimeout(() => this.giveUp?.(this.idle()), idleMs);
    signal?.addEventListener("abort", this.stop);
  }

  private readonly stop = () => this.giveUp?.(this.signal?.reason);

  private idle(): Problem {
    return new Problem("upload-timeout", `Nothing came for ${this.idleMs / 1000} s.`);
  }

  touch(): void {
    this.timer.refresh();
  }

  /** No Promise.race with one lasting promise: that would keep every piece alive until the end. */
  orIdle<T>(next: Promise<T>): Promise<T> {
    this.touch();
    return new Promise<T>((resolve, reject) => {
      this.giveUp = reject;
      if (this.signal?.aborted) this.stop();
      next.then(resolve, reject).finally(() => {
        this.giveUp = null;
      });
    });
  }

  end(): void {
    clearTimeout(this.timer);
    this.signal?.removeEventListener("abort", this.stop);
  }
}
