// @ts-check
/** The bytes to send: a file, or stdin, which is kept in a temporary file so that it can be sent again. */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, pipeline, Transform } from "node:stream";
import { pipeline as piped } from "node:stream/promises";
import { createGzip } from "node:zlib";

const PIECE = 256 * 1024;

/**
 * @typedef {object} Source
 * @property {number} bytes
 * @property {string} digest  SHA-256 of the bytes, hex.
 * @property {(sent: (bytes: number) => void) => import("node:stream").Readable} open  Opens a new stream for each try.
 * @property {() => void} remove
 */

/**
 * @param {{ file: string, isGzip: boolean, gzips: boolean }} options
 * @param {AbortSignal} signal
 * @returns {Promise<Source>}
 */
export async function sourceOf({ file, isGzip, gzips }, signal) {
  const folder = file === "-" ? mkdtempSync(join(tmpdir(), "dataflow-push-")) : null;
  const remove = () => folder && rmSync(folder, { recursive: true, force: true });
  process.once("exit", remove);
  try {
    const path = folder ? join(folder, "stdin") : file;
    const digest = folder ? await kept(path, signal) : await digestOf(path, signal);
    const compresses = gzips && !isGzip;
    return { bytes: statSync(path).size, digest, open: (sent) => opened(path, compresses, sent), remove };
  } catch (error) {
    remove();
    throw error;
  }
}

/**
 * @param {string} path
 * @param {AbortSignal} signal
 */
async function kept(path, signal) {
  const hash = createHash("sha256");
  await piped(
    process.stdin,
    counted((piece) => hash.update(piece)),
    createWriteStream(path, { mode: 0o600 }),
    { signal },
  );
  return hash.digest("hex");
}

/**
 * @param {string} path
 * @param {AbortSignal} signal
 */
async function digestOf(path, signal) {
  const hash = createHash("sha256");
  await piped(createReadStream(path, { highWaterMark: PIECE }), hash, { signal });
  return hash.digest("hex");
}

/**
 * @param {string} path
 * @param {boolean} compresses
 * @param {(bytes: number) => void} sent
 */
function opened(path, compresses, sent) {
  let bytes = 0;
  const file = createReadStream(path, { highWaterMark: PIECE });
  const count = counted((piece) => {
    bytes += piece.length;
    sent(bytes);
  });
  // Level 1, because few networks are faster than it compresses.
  const last = compresses ? createGzip({ level: 1 }) : new PassThrough();
  pipeline(file, count, last, () => {});
  return last;
}

/** @param {(piece: Buffer) => void} see */
function counted(see) {
  return new Transform({
    transform(piece, _encoding, done) {
      see(piece);
      done(null, piece);
    },
  });
}
