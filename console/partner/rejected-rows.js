/** The rejected rows of a batch as a grid. Each row has the cells as they were sent, and the fault of each wrong cell. */

import { get, urlOf } from "../api/client.js";
import { problemOf } from "../api/problem.js";
import { isRawNumber, parseExact } from "../ui/exact-json.js";
import { csvRows, delimiterOf } from "./csv.js";
import { fieldNamer } from "./fields.js";

/** @import { Batch, OwnDataset, RecordFault } from "../types.d.ts" */

/**
 * @typedef {object} MendRow
 * @property {number} record
 * @property {number | null} line
 * @property {Map<string, string>} cells by field
 * @property {Map<string, RecordFault>} faults by field
 * @property {string | null} stuck why the row cannot be corrected in the page
 */

/**
 * @typedef {object} Grid
 * @property {string[]} fields in the order of the file
 * @property {MendRow[]} rows
 * @property {OwnDataset} dataset
 */

/** @typedef {{ record: number, line: number | null, raw: string, errors: RecordFault[], corrected?: true }} Refused */

const AT_ONCE = 200;

/**
 * @param {Batch} batch
 * @param {Set<number>} sent records that this page has sent already
 * @returns {Promise<Grid>} Throws ApiProblem.
 */
export async function gridOf({ id, dataset: name }, sent) {
  const [dataset, refused, file] = await Promise.all([
    get(`/datasets/${encodeURIComponent(name)}`),
    refusedOf(id),
    fileOf(id),
  ]);
  const cells = cellsIn(file, dataset);
  const rows = refused.map((one) => rowOf(one, cells.get(one.record), sent.has(one.record)));
  const fields = [...new Set(rows.flatMap((row) => [...row.cells.keys(), ...row.faults.keys()]))];
  return { dataset, rows, fields: fields.filter((field) => field !== "") };
}

/** @param {string} id @returns {Promise<Refused[]>} */
async function refusedOf(id) {
  /** @type {Refused[]} */
  const all = [];
  for (let after = 0; ; ) {
    const { items, next } = await get(`/imports/${id}/errors`, { after, limit: AT_ONCE });
    all.push(...items);
    if (next === null) return all;
    after = next;
  }
}

/** The file of rejected rows, as they were sent. @param {string} id */
async function fileOf(id) {
  const response = await fetch(urlOf(`/imports/${id}/rejected`), { credentials: "same-origin", cache: "no-store" });
  if (!response.ok) throw await problemOf(response);
  const type = response.headers.get("Content-Type") ?? "";
  const charset = /charset="?([\w-]+)/i.exec(type)?.[1] ?? "utf-8";
  return { type, text: new TextDecoder(charset).decode(await response.arrayBuffer()) };
}

/**
 * @param {{ type: string, text: string }} sent
 * @param {OwnDataset} dataset
 * @returns {Map<number, Map<string, string>>}
 */
function cellsIn({ type, text }, dataset) {
  if (/json/.test(type)) {
    const records = text.trimStart().startsWith("[") ? parseExact(text) : text.split("\n").filter(Boolean).map(parsed);
    return new Map(records.map((/** @type {any} */ record) => [record?._record, flat(record)]));
  }
  const [head = [], ...rows] = csvRows(text, delimiterOf(text), dataset.read?.dialect.quoteChar ?? '"');
  const nameOf = fieldNamer(dataset);
  const names = head.map((column) => nameOf(column));
  const at = names.indexOf("_record");
  return new Map(
    rows.map((row) => [
      Number(row[at]),
      new Map(names.flatMap((name, index) => (isOwn(name) ? [] : [[name, row[index] ?? ""]]))),
    ]),
  );
}

/** @param {string} name */
const isOwn = (name) => name === "_record" || name === "_errors";

/** @param {string} line */
function parsed(line) {
  try {
    return parseExact(line);
  } catch {
    return null;
  }
}

/**
 * The members of a record by path, including members of inner objects. A list becomes one text.
 * @param {any} record
 * @returns {Map<string, string>}
 */
function flat(record, prefix = "", found = new Map()) {
  for (const [name, value] of Object.entries(record ?? {})) {
    if (prefix === "" && isOwn(name)) continue;
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value) && !isRawNumber(value);
    if (isObject) flat(value, `${prefix}${name}.`, found);
    else
      found.set(prefix + name, value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value));
  }
  return found;
}

/**
 * @param {Refused} refused
 * @param {Map<string, string> | undefined} found
 * @param {boolean} isSent
 * @returns {MendRow}
 */
function rowOf({ record, line, errors, corrected }, found, isSent) {
  const cells = found ?? new Map(errors.map(({ field, value = "" }) => [field, value]));
  const faults = new Map(errors.map((error) => [error.field, error]));
  return {
    record,
    line,
    cells,
    faults,
    stuck: corrected ? "it is mended already" : isSent ? "you have sent it already" : stuckBy(errors),
  };
}

/** @param {RecordFault[]} errors */
function stuckBy(errors) {
  if (errors.some(({ code }) => code === "not-rejected")) return "is mended already, or was not rejected";
  const whole = errors.find(({ field, code }) => field === "" && code !== "required");
  if (whole) return `${whole.message.replace(/\.$/, "")}: mend it in the downloaded file`;
  const list = errors.find(({ field }) => /\[\d*\]/.test(field));
  return list ? `${list.field} ${list.message}: mend the list in the downloaded file` : null;
}
