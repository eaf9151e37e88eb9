/** How a chunk's bytes lie in the database: zstd level 1, which gains most for what it costs here. */
import { promisify } from "node:util";
import { constants, zstdCompress, zstdCompressSync, zstdDecompress, zstdDecompressSync } from "node:zlib";

export type Codec = "zstd" | "none";

const compress = promisify(zstdCompress) as (data: Uint8Array, options: object) => Promise<Buffer>;
const decompress = promisify(zstdDecompress) as (data: Uint8Array, options: object) => Promise<Buffer>;
const level = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/**
 * Told the size of its input, zstd takes tables for it. `chunkSize`: Node's room for the result; each time it is full costs
 * a way to the thread pool and back, and Node's own guess fills up four to sixteen times with a chunk of 1 MiB.
 */
const roomy = (pledgedSrcSize: number, chunkSize: number) => ({ ...level, pledgedSrcSize, chunkSize });
const SMALL_ROOM = 4 * 1024;
const LARGE_ROOM = 256 * 1024;

/** A chunk has 1 MiB and the rest of its last record, and is seldom more than 32 times as long as its body. */
const roomFor = (body: Uint8Array) => ({ chunkSize: Math.min(1024 * 1024 + 64 * 1024, 32 * body.length) });

/** Up to it the synchronous call is quicker than the way to the thread pool and back. */
const SMALL_BYTES = 64 * 1024;

/** What has fewer than `leastBytes` is not worth it. */
export async function encode(data: Buffer, leastBytes: number): Promise<{ codec: Codec; body: Uint8Array }> {
  if (data.length < leastBytes) return { codec: "none", body: data };
  const body =
    data.length <= SMALL_BYTES
      ? zstdCompressSync(data, roomy(data.length, SMALL_ROOM))
      : await compress(data, roomy(data.length, LARGE_ROOM));
  return { codec: "zstd", body };
}

export async function decode(codec: Codec, body: Uint8Array): Promise<Buffer> {
  if (codec === "none") return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  return body.length <= SMALL_BYTES ? zstdDecompressSync(body, roomFor(body)) : decompress(body, roomFor(body));
}
