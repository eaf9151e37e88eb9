/** Checks a file of rejected records before it is sent: how it will be read, and which rejected records it corrects. */
import { get, urlOf, withQuery } from "../api/client.js";
import { problemOf } from "../api/problem.js";
import { upload } from "../api/upload.js";
import { beginningOf, contentTypeOf } from "./file.js";
import { delimiterIn, plainCsv, plainJson } from "./rejected-file.js";

/** @import { Batch, CheckedFile, OwnDataset, RejectedPage } from "../types.d.ts" */
/** @import { Kind, Reading } from "./file.js" */
/** @import { PlainFile } from "./rejected-file.js" */
/** @import { Chosen } from "./sending.js" */

/**
 * @typedef {object} Matches which rows of the file belong to which rejected records of the batch
 * @property {number} rows
 * @property {number} mends rows that correct a rejected record
 * @property {number} mended rows whose record was corrected before
 * @property {number} strangers rows whose number belongs to no rejected record, or comes twice
 * @property {number} fresh rows without a number, which are ordinary new records
 * @property {boolean} isPartial only the beginning of the file was read, or not all rejected records were compared
 * @property {number} left rejected records that are not corrected yet
 */

const AT_ONCE = 200;
/** How many rejected records are compared. Each page of them is a request, and a partner may send 240 requests a minute. */
const MOST_COMPARED = 2_000;

/** @param {string} dataset */
const pathOf = (dataset) => (dataset === "default" ? "/imports" : `/datasets/${encodeURIComponent(dataset)}/imports`);

/**
 * Checks records without the two columns of a correction. Nothing is stored.
 * @param {string} dataset
 * @param {PlainFile} file
 * @param {{ format: Kind["format"], delimiter: string, signal?: AbortSignal }} how
 * @returns {Promise<CheckedFile>} Throws ApiProblem.
 */
async function checked(dataset, { text }, { format, delimiter, signal }) {
  const type = contentTypeOf(
    { format, isGzip: false },
    { delimiter: format === "csv" ? delimiter : "", charset: "utf-8" },
  );
  const { body } = await upload(withQuery(`${pathOf(dataset)}/check`, { format }), new Blob([text]), {
    headers: { "Content-Type": type },
    ...(signal && { signal }),
  });
  return body;
}

/** @param {ArrayBuffer} bytes @param {string} charset empty: the text decides */
function decoded(bytes, charset) {
  if (charset) return new TextDecoder(charset).decode(bytes);
  const [first, second] = new Uint8Array(bytes);
  if (first === 0xff && second === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  if (first === 0xfe && second === 0xff) return new TextDecoder("utf-16be").decode(bytes);
  try {
    // The beginning of a long file may end in the middle of a letter.
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}

/**
 * The file without its columns of a correction. CSV is written again with the delimiter of the dataset.
 * @param {string} text
 * @param {Kind["format"]} format
 * @param {Reading} reading
 * @param {OwnDataset} dataset
 */
function plainOf(text, format, reading, dataset) {
  if (format === "json" || format === "ndjson") return { plain: plainJson(text, format), delimiter: "" };
  const delimiter = format === "tsv" ? "\t" : reading.delimiter || delimiterIn(text);
  return { plain: plainCsv(text, { delimiter, quote: dataset.read?.dialect.quoteChar ?? '"' }), delimiter };
}

/**
 * Whether the dataset's header is not in the first line. The check would then take a row of the correction for the header.
 * @param {OwnDataset} dataset
 */
const hasOwnHead = ({ read }) => read !== null && (read.dialect.header === false || read.dialect.headerRows !== null);

/**
 * @param {Chosen} chosen whose `corrects` names a batch
 * @param {AbortSignal} signal
 * @returns {Promise<{ found: CheckedFile | null, matches: Matches } | null>} null: a workbook cannot be checked; `found` null: only the
 *   numbers were compared. Throws ApiProblem.
 */
export async function lookAtCorrection({ file, kind, reading, dataset: name, corrects }, signal) {
  const { format } = kind;
  if (format === "xlsx") return null;
  const part = await beginningOf(file, kind);
  if (!part) return null;
  const isCut = part.size > 1024 * 1024;
  const whole = decoded(await part.arrayBuffer(), reading.charset);
  // The beginning of a JSON list is no valid JSON.
  if (isCut && format === "json") return null;
  const text = isCut ? whole.slice(0, whole.lastIndexOf("\n") + 1) : whole;
  const [dataset, batch] = await Promise.all([
    get(`/datasets/${encodeURIComponent(name)}`),
    get(`/imports/${corrects}`),
  ]);
  const { plain, delimiter } = plainOf(text, format, reading, dataset);
  const [found, matches] = await Promise.all([
    hasOwnHead(dataset) ? null : checked(name, plain, { format, delimiter, signal }),
    matchesOf(batch, plain.numbers, isCut),
  ]);
  return { found: found && { ...found, partial: found.partial || isCut }, matches };
}

/** @param {Batch} batch @param {(number | null)[]} numbers @param {boolean} isCut @returns {Promise<Matches>} */
async function matchesOf({ id, counts }, numbers, isCut) {
  const { open, mended, isAll } = await rejectedOf(id);
  const named = numbers.filter((number) => number !== null);
  const once = new Set(named);
  const mends = [...once].filter((number) => open.has(number)).length;
  const already = [...once].filter((number) => mended.has(number)).length;
  return {
    rows: numbers.length,
    mends,
    mended: already,
    strangers: named.length - mends - already,
    fresh: numbers.length - named.length,
    isPartial: isCut || !isAll,
    left: counts.rejected - (counts.corrected ?? 0),
  };
}

/** @param {string} id */
async function rejectedOf(id) {
  const open = new Set();
  const mended = new Set();
  for (let after = 0; open.size + mended.size < MOST_COMPARED; ) {
    /** @type {RejectedPage} */
    const { items, next } = await get(`/imports/${id}/errors`, { after, limit: AT_ONCE });
    for (const { record, corrected } of items) (corrected ? mended : open).add(record);
    if (next === null) return { open, mended, isAll: true };
    after = next;
  }
  return { open, mended, isAll: false };
}

/**
 * How many of the rejected rows of a batch would be accepted by the present rules.
 * @param {Batch} batch
 * @returns {Promise<{ tried: number, passed: number, partial: boolean } | null>} null: they cannot be tried. Throws ApiProblem.
 */
export async function triedAgain({ id, dataset: name }) {
  const dataset = await get(`/datasets/${encodeURIComponent(name)}`);
  const response = await fetch(urlOf(`/imports/${id}/rejected`), { credentials: "same-origin", cache: "no-store" });
  if (!response.ok) throw await problemOf(response);
  const type = response.headers.get("Content-Type") ?? "";
  const format = /ndjson/.test(type) ? "ndjson" : /json/.test(type) ? "json" : "csv";
  if (hasOwnHead(dataset) || !dataset.formats.includes(format)) return null;
  const text = decoded(await response.arrayBuffer(), /charset="?([\w-]+)/i.exec(type)?.[1] ?? "");
  const { plain, delimiter } = plainOf(text, format, { delimiter: "", charset: "" }, dataset);
  const { counts, partial } = await checked(name, plain, { format, delimiter });
  return { tried: counts.received, passed: counts.received - counts.rejected, partial };
}
