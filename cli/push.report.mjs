// @ts-check
/** The result of the import, as text. */
import { createInterface } from "node:readline";
import { visible } from "../lib/log/visible.cjs";
import { count } from "./bar.mjs";
import { Refused } from "./push.http.mjs";

/** @param {import("./push.run.mjs").Batch} batch */
export function summary({ id, status, counts, error, startedAt, finishedAt }) {
  const seconds = (Date.parse(finishedAt ?? "") - Date.parse(startedAt ?? "")) / 1000;
  const width = Math.max(...Object.values(counts).map((value) => count(value).length));
  return [
    `${visible(status)}${seconds >= 0 ? ` in ${seconds.toFixed(2)} s` : ""} (batch ${visible(id)})`,
    ...Object.entries(counts).map(([name, value]) => `  ${name.padEnd(9)}  ${count(value).padStart(width)}`),
    ...(error ? [`  ${visible(`${error.code}: ${error.detail}`)}`] : []),
  ].join("\n");
}

/** @typedef {{ record: number, line: number | null, errors: { field: string, message: string, column?: string, value?: string }[], raw: string }} Rejected */
/** @typedef {{ truncated: true, records: number }} Truncated */

/**
 * The first rejected records, one line each. The rest of the answer is not read.
 * @param {import("./push.http.mjs").Http} http
 * @param {import("./push.run.mjs").Batch} batch
 * @param {number} most
 */
export async function rejectedLines(http, batch, most) {
  /** @type {string[]} */
  let lines = [];
  await http.stream(`/imports/${batch.id}/errors`, {}, async (body) => {
    lines = [];
    let records = 0;
    for await (const line of createInterface({ input: body })) {
      lines.push(...reportLines(/** @type {Rejected | Truncated} */ (JSON.parse(line))));
      if (++records === most) break;
    }
    body.destroy();
  });
  const { rejected } = batch.counts;
  const head = rejected > most ? `The first ${most} of ${count(rejected)} rejected records` : "Rejected records";
  return [`${head} (the whole report with --errors FILE):`, ...lines];
}

/** @typedef {{ total: number, groups: { field: string, code: string, count: number, message: string, firstRecord: number, firstLine: number | null, values: string[] }[] }} ErrorSummary */

/**
 * The largest groups of errors, one line each. None: there is but one error, or the server is older and has no summary.
 * @param {import("./push.http.mjs").Http} http
 * @param {import("./push.run.mjs").Batch} batch
 * @param {{ most: number, least?: number }} shown  So many groups; none of fewer errors than `least`.
 */
export async function groupLines(http, batch, { most, least = 2 }) {
  const summary = await summaryOf(http, batch);
  if (summary === null || summary.total < least) return [];
  const shown = summary.groups.slice(0, most);
  const others = shown.reduce((left, group) => left - group.count, summary.total);
  const width = Math.max(...[...shown.map((group) => group.count), others].map((number) => count(number).length));
  const line = (/** @type {number} */ number, /** @type {string} */ text) =>
    `  ${count(number).padStart(width)} × ${visible(text)}`;
  return [
    "Errors:",
    ...shown.map(({ count: number, field, message, values: [value] }) =>
      line(number, `${field ? `${field}: ` : ""}${message}${value === undefined ? "" : `, such as ${value}`}`),
    ),
    ...(others > 0 ? [line(others, "others")] : []),
  ];
}

/**
 * @param {import("./push.http.mjs").Http} http
 * @param {import("./push.run.mjs").Batch} batch
 * @returns {Promise<ErrorSummary | null>}
 */
async function summaryOf(http, batch) {
  try {
    return (await http.json(`/imports/${batch.id}/errors/summary`)).body;
  } catch (error) {
    if (error instanceof Refused && error.status === 404) return null;
    throw error;
  }
}

/**
 * A line for each fault. The place of the record is before the first fault.
 * @param {Rejected | Truncated} row
 */
function reportLines(row) {
  if ("truncated" in row) return [`  ${count(row.records)} more, which the report does not list`];
  const { record, line, errors } = row;
  const place = line === null ? `record ${record}: ` : `line ${line}: `;
  return errors.map(({ field, message, column, value }, i) => {
    const name = column === undefined ? field : `${field} (${column})`;
    const found = value === undefined ? "" : `, found ${value}`;
    return `  ${i === 0 ? place : " ".repeat(place.length)}${visible(`${name ? `${name}: ` : ""}${message}${found}`)}`;
  });
}
