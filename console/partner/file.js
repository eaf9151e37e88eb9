/**
 * A file that a partner has chosen: its format, its beginning as it would be read, and the Idempotency-Key that makes a second
 * click harmless.
 */
import { ApiProblem } from "../api/problem.js";

/** @typedef {"csv" | "tsv" | "ndjson" | "json" | "xlsx"} FileFormat the names of `?format=` */

/**
 * @typedef {object} Kind
 * @property {FileFormat} format
 * @property {boolean} isGzip
 */

/** @type {Record<string, FileFormat>} */
const endings = {
  csv: "csv",
  txt: "csv",
  tsv: "tsv",
  tab: "tsv",
  ndjson: "ndjson",
  jsonl: "ndjson",
  json: "json",
  xlsx: "xlsx",
};

/** @type {Record<FileFormat, string>} */
const types = {
  csv: "text/csv",
  tsv: "text/tab-separated-values",
  ndjson: "application/x-ndjson",
  json: "application/json",
  xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
};

/** @type {Record<FileFormat, string>} */
export const formatNames = {
  csv: "CSV, a table as text",
  tsv: "CSV with tabs",
  ndjson: "NDJSON, one JSON object a line",
  json: "JSON, one list",
  xlsx: "Excel workbook (XLSX)",
};

/** How many bytes of a file a check reads. The last byte only tells that the file is longer. */
const LOOKED_AT = 1024 * 1024 + 1;
/** The largest workbook for a check. A workbook cannot be read from its beginning, so the check reads all of it. */
const MOST_WHOLE = 32 * 1024 * 1024;
const KEY_BYTES = 64 * 1024;

/**
 * The format of a file, by its name or else by its first bytes.
 * @param {File} file
 * @returns {Promise<Kind>}
 */
export async function kindOf(file) {
  const isGzip = /\.gz$/i.test(file.name) || startsWith(await bytesOf(file, 2), [0x1f, 0x8b]);
  const ending = /\.([^.]+)$/.exec(file.name.replace(/\.gz$/i, ""))?.[1]?.toLowerCase() ?? "";
  return { isGzip, format: endings[ending] ?? (await sniffed(file, isGzip)) };
}

/** @param {File} file @param {boolean} isGzip @returns {Promise<FileFormat>} */
async function sniffed(file, isGzip) {
  const bytes = await bytesOf(isGzip ? await unzipped(file, 64) : file, 64);
  if (startsWith(bytes, [0x50, 0x4b, 3, 4])) return "xlsx";
  const text = new TextDecoder().decode(bytes).trimStart();
  return text.startsWith("[") ? "json" : text.startsWith("{") ? "ndjson" : "csv";
}

/** @param {Blob} blob @param {number} most */
const bytesOf = async (blob, most) => new Uint8Array(await blob.slice(0, most).arrayBuffer());

/** @param {Uint8Array} bytes @param {number[]} wanted */
const startsWith = (bytes, wanted) => wanted.every((byte, index) => bytes[index] === byte);

/**
 * The decompressed beginning of a file, for a check. Null: a workbook that is too large.
 * @param {File} file
 * @param {Kind} kind
 * @returns {Promise<Blob | null>} Throws if the file cannot be read, or is no gzip.
 */
export async function beginningOf(file, { format, isGzip }) {
  const isWhole = format === "xlsx";
  if (isWhole && file.size > MOST_WHOLE) return null;
  const most = isWhole ? MOST_WHOLE + 1 : LOOKED_AT;
  const part = isGzip ? await unzipped(file, most) : file.slice(0, most);
  return isWhole && part.size > MOST_WHOLE ? null : part;
}

/** @param {Blob} packed @param {number} most bytes */
async function unzipped(packed, most) {
  const reader = packed.stream().pipeThrough(new DecompressionStream("gzip")).getReader();
  /** @type {BlobPart[]} */
  const pieces = [];
  let bytes = 0;
  while (bytes < most) {
    const { done, value } = await reader.read().catch(noGzip);
    if (done) break;
    pieces.push(value);
    bytes += value.length;
  }
  await reader.cancel().catch(() => {});
  return new Blob(pieces).slice(0, most);
}

/** @param {unknown} error @returns {never} the error that the API would answer */
function noGzip(error) {
  if (!(error instanceof TypeError)) throw error;
  throw new ApiProblem({ status: 400, code: "malformed-body", detail: "The gzip stream is broken or cut off." });
}

const unreadable = ["NotReadableError", "NotFoundError"];

/**
 * Explains an error of reading. A browser refuses to read a file that was saved again after it was chosen.
 * @param {unknown} error
 */
export const fileProblem = (error) =>
  error instanceof DOMException && unreadable.includes(error.name)
    ? new ApiProblem({
        status: 0,
        code: "file-changed",
        detail: "The file was changed, moved or deleted since you chose it. Choose it again.",
      })
    : error;

/**
 * @typedef {object} Reading the partner's choice of how the file is read; an empty member is recognized automatically
 * @property {string} delimiter
 * @property {string} charset
 */

/** @param {Kind} kind @param {Reading} reading */
export function contentTypeOf({ format }, { delimiter, charset }) {
  const isText = format === "csv" || format === "tsv";
  const more = [isText && charset && `charset=${charset}`, isText && delimiter && `delimiter="${delimiter}"`];
  return [types[format], ...more.filter(Boolean)].join("; ");
}

/**
 * The Idempotency-Key of a file. The same file for the same purpose has the same key, so that a second click imports nothing
 * twice.
 * @param {File} file
 * @param {string[]} purpose the dataset, check or import, the choice of how it is read, and a mark for a wanted repetition
 */
export async function keyOf(file, purpose) {
  const ends = [file.slice(0, KEY_BYTES), file.slice(Math.max(0, file.size - KEY_BYTES))];
  const [first, last] = await Promise.all(ends.map(async (end) => new Uint8Array(await end.arrayBuffer())));
  const name = new TextEncoder().encode([file.name, file.size, file.lastModified, ...purpose].join("\0"));
  return `console-${[1, 2, 3].map((seed) => hashOf([name, first, last], seed)).join("")}`;
}

/**
 * A hash of 53 bits (cyrb53). Browsers have better digests only in secure contexts. A collision is harmless, because the API
 * compares the whole content.
 * @param {(Uint8Array | undefined)[]} parts
 * @param {number} seed
 */
function hashOf(parts, seed) {
  let high = 0xdeadbeef ^ seed;
  let low = 0x41c6ce57 ^ seed;
  for (const part of parts)
    for (const byte of part ?? []) {
      high = Math.imul(high ^ byte, 2654435761);
      low = Math.imul(low ^ byte, 1597334677);
    }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return (4294967296 * (2097151 & low) + (high >>> 0)).toString(36);
}

/** @param {string} text */
export const hashText = (text) => {
  const bytes = new TextEncoder().encode(text);
  return [1, 2, 3].map((seed) => hashOf([bytes], seed)).join("");
};
