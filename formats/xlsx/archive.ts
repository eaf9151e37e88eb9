/** Reads the zip of a workbook: its parts by name. Each part is inflated within bounds, and checked against the directory. */
import type { FileHandle } from "node:fs/promises";
import { pipeline, Readable } from "node:stream";
import { crc32, createInflateRaw } from "node:zlib";
import { type Entry, fromRandomAccessReaderPromise, RandomAccessReader, type ZipFile } from "yauzl";
import { Problem } from "../../lib/errors.ts";
import { notThat } from "../recognise/recognised.ts";

/** The most parts. A workbook has a few parts for each sheet, and each part costs an object in memory. */
const MOST_PARTS = 10_000;
/** The limit is that of content codings: real parts grow 5 to 50 times. The ratio is checked only beyond this size. */
const MOST_GROWTH = 200;
const GROWTH_LOOKED_AT = 64 * 1024 * 1024;
/** The size of pieces: small enough for a turn on the event loop, large enough that turns cost little. */
const PIECE_BYTES = 64 * 1024;
const STORED = 0;
const DEFLATED = 8;

/** Reads through the handle of the spooled file. The file's owner closes it. */
class HandleReader extends RandomAccessReader {
  readonly #file: FileHandle;

  constructor(file: FileHandle) {
    super();
    this.#file = file;
  }

  override _readStreamForRange(start: number, end: number): Readable {
    return Readable.from(this.#range(start, end), { objectMode: false });
  }

  async *#range(start: number, end: number): AsyncGenerator<Buffer> {
    for (let at = start; at < end; ) {
      const { buffer, bytesRead } = await this.#file.read(Buffer.allocUnsafe(Math.min(PIECE_BYTES, end - at)), {
        position: at,
      });
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
      at += bytesRead;
    }
  }

  /** Reads a piece of the archive for its directory, without making a stream for each entry. */
  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    this.#file
      .read(buffer, offset, length, position)
      .then(({ bytesRead }) => callback(bytesRead === length ? null : new Error("The file ends before.")), callback);
  }

  override close(callback: (error: Error | null) => void): void {
    callback(null);
  }
}

export const broken = (what: string): Problem => new Problem("malformed-body", `The workbook ${what}.`);

export const tooLarge = (what: string, limit: number): Problem =>
  new Problem("payload-too-large", `The workbook ${what}.`, { limit });

/** Names of parts are equal without regard to case (ECMA-376, part 2). */
const keyOf = (name: string): string => name.replace(/^\/+/, "").toLowerCase();

export class Archive {
  readonly #zip: ZipFile;
  readonly #parts: ReadonlyMap<string, Entry>;

  private constructor(zip: ZipFile, parts: ReadonlyMap<string, Entry>) {
    this.#zip = zip;
    this.#parts = parts;
  }

  /**
   * Reads the directory. Throws malformed-body if the zip is incomplete or encrypted, and payload-too-large if its parts have more
   * than `maxBytes` in all.
   */
  static async open(file: FileHandle, bytes: number, maxBytes: number): Promise<Archive> {
    const parts = new Map<string, Entry>();
    let total = 0;
    try {
      const zip = await fromRandomAccessReaderPromise(new HandleReader(file), bytes, { autoClose: false });
      for await (const entry of zip.eachEntry()) {
        if (entry.isEncrypted()) throw notThat("xls");
        if (parts.has(keyOf(entry.fileName))) throw broken(`has the part "${shown(entry.fileName)}" twice`);
        if (parts.size === MOST_PARTS) throw broken(`has more than ${MOST_PARTS} parts`);
        total += entry.uncompressedSize;
        if (total > maxBytes) throw tooLarge(`has more than ${maxBytes} bytes when it is unpacked`, maxBytes);
        parts.set(keyOf(entry.fileName), entry);
      }
      return new Archive(zip, parts);
    } catch (error) {
      throw asProblem(error, "is no whole zip archive: its directory cannot be read");
    }
  }

  has(name: string): boolean {
    return this.#parts.has(keyOf(name));
  }

  get names(): string[] {
    return [...this.#parts.keys()];
  }

  /**
   * The bytes of a part. Throws malformed-body if it is missing, cut off, or differs from its directory entry, and
   * payload-too-large if it grows far more than real parts do.
   */
  async *pieces(name: string): AsyncGenerator<Buffer> {
    const entry = this.#parts.get(keyOf(name));
    if (entry === undefined) throw broken(`lacks the part "${shown(name)}"`);
    if (![STORED, DEFLATED].includes(entry.compressionMethod))
      throw broken(`has a part that is packed in an unknown way, "${shown(name)}"`);
    let bytes = 0;
    let crc = 0;
    try {
      for await (const piece of await this.#inflated(entry)) {
        bytes += piece.length;
        if (bytes > entry.uncompressedSize) break;
        if (bytes >= GROWTH_LOOKED_AT && bytes > entry.compressedSize * MOST_GROWTH)
          throw tooLarge(`grows by more than ${MOST_GROWTH} times when it is unpacked`, MOST_GROWTH);
        crc = crc32(piece, crc);
        yield piece;
      }
    } catch (error) {
      throw asProblem(error, `is broken or cut off in the part "${shown(name)}"`);
    }
    if (bytes !== entry.uncompressedSize || crc !== entry.crc32)
      throw broken(`is broken: the part "${shown(name)}" is not what the directory says of it`);
  }

  async #inflated(entry: Entry): Promise<AsyncIterable<Buffer>> {
    const raw = await this.#zip.openReadStreamPromise(entry, { decodeFileData: false });
    if (entry.compressionMethod === STORED) return raw;
    // An error of either stream is thrown by the one that is read.
    return pipeline(raw, createInflateRaw({ chunkSize: PIECE_BYTES }), () => {});
  }
}

const shown = (name: string): string => name.slice(0, 100);

/** Errors of yauzl and zlib mean that the archive is wrong. An error of the disk does not. */
function asProblem(error: unknown, what: string): unknown {
  if (error instanceof Problem) return error;
  return /^E[A-Z]+$/.test((error as NodeJS.ErrnoException).code ?? "") ? error : broken(what);
}
