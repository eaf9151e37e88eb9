/** How a chunk's bytes lie in the database: zstd level 1, which gains most for what it costs here. */
import { promisify } from "node:util";
import { constants, zstdCompress, zstdCompressSync, zstdDecompress, zstdDecompressSync } from "node:zlib";

export type Codec = "zstd" | "none";

const compress = promisify(zstdCompress) as (data: Uint8Array, options: object) => Promise<Buffer>;
const decompress = promisify(zstdDecompress) as (data: Uint8Array) => Promise<Buffer>;
const level = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
/** Told its size, zstd takes tables for it; and Node's own first guess of the result is four times what most come to. */
const small = (pledgedSrcSize: number) => ({ ...level, pledgedSrcSize, chunkSize: 4 * 1024 });

/** Up to it the synchronous call is quicker than the way to the thread pool and back. */
const SMALL_BYTES = 64 * 1024;

/** What has fewer than `leastBytes` is not worth it. */
export async function encode(data: Buffer, leastBytes: number): Promise<{ codec: Codec; body: Uint8Array }> {
  if (data.length < leastBytes) return { codec: "none", body: data };
  const body = data.length <= SMALL_BYTES ? zstdCompressSync(data, small(data.length)) : await compress(data, level);
  return { codec: "zstd", body };
}

export async function decode(codec: Codec, body: Uint8Array): Promise<Buffer> {
  if (codec === "none") return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  return body.length <= SMALL_BYTES ? zstdDecompressSync(body) : decompress(body);
}
