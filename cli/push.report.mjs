// @ts-check
/** The result of the import, as text. */
import { createInterface } from "node:readline";
import { visible } from "../lib/log/visible.cjs";
import { count } from "./bar.mjs";

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

/** @typedef {{ record: number, line: number | null, errors: { field: string, message: string }[], raw: string }} Rejected */
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
    for await (const line of createInterface({ input: body })) {
      lines.push(reportLine(/** @type {Rejected | Truncated} */ (JSON.parse(line))));
      if (lines.length === most) break;
    }
    body.destroy();
  });
  const { rejected } = batch.counts;
  const head = rejected > most ? `The first ${most} of ${count(rejected)} rejected records` : "Rejected records";
  return [`${head} (the whole report with --errors FILE):`, ...lines];
}

/** @param {Rejected | Truncated} row */
function reportLine(row) {
  if ("truncated" in row) return `  ${count(row.records)} more, which the report does not list`;
  const { record, line, errors } = row;
  const [first, ...more] = errors;
  const place = line === null ? `record ${record}` : `line ${line}`;
  const field = first?.field ? `${first.field}: ` : "";
  return `  ${place}: ${visible(field + (first?.message ?? ""))}${more.length > 0 ? ` (and ${more.length} more)` : ""}`;
}
