/** A policy in sentences, for people who do not read JSON. */
import { bytes, count, duration, plural } from "../ui/numbers.js";

/** @import { Policy } from "../types.d.ts" */

/** @param {Policy} policy @returns {string[]} */
export const said = (policy) => [
  sent(policy),
  checked(policy),
  limited(policy),
  worked(policy),
  ...twice(policy),
  ...held(policy),
  delivered(policy),
  kept(policy),
];

/** @param {readonly string[]} words */
const listed = (words) => words.join(", ").replace(/, ([^,]*)$/, " or $1");

/** @param {Policy} policy */
const sent = ({ formats, maxBytes, maxRecords }) =>
  `It may send ${listed(formats)}: up to ${bytes(maxBytes)} and ${plural(maxRecords, "record")} a file.`;

/** @param {Policy} policy */
function checked({ schema, onInvalid, maxErrors }) {
  const fields = Object.keys(/** @type {any} */ (schema).properties ?? {});
  const by =
    fields.length > 0
      ? `Each record is checked by a schema of ${plural(fields.length, "field")} (${fields.slice(0, 6).join(", ")}${fields.length > 6 ? " …" : ""})`
      : Object.keys(schema).length > 0
        ? "Each record is checked by a schema"
        : "A record may be any JSON object";
  if (onInvalid === "rejectBatch") return `${by}; one invalid record fails the whole batch.`;
  const most = maxErrors === null ? "" : `; with more than ${plural(maxErrors, "rejected record")} the batch fails`;
  return `${by}. Invalid records are left out and listed${most}.`;
}

/** @param {Policy} policy */
function limited({ rate, bytesPerDay, recordsPerDay, maxConcurrentUploads }) {
  const day = [
    bytesPerDay === null ? "" : bytes(bytesPerDay),
    recordsPerDay === null ? "" : plural(recordsPerDay, "record"),
  ].filter(Boolean);
  return `${plural(rate.requests, "request")} in ${duration(rate.windowSeconds * 1_000)}, ${day.length > 0 ? `${day.join(" and ")} a day` : "any number of records a day"}, ${plural(maxConcurrentUploads, "upload")} at once.`;
}

/** @param {Policy} policy */
function worked({ maxConcurrentBatches, weight, order, maxAttempts, window }) {
  const share = weight === 1 ? "" : `, with ${count(weight)} times the usual share of the workers`;
  const how =
    order === "fifo"
      ? "Its batches are worked one after another, in the order that they came"
      : `Up to ${plural(maxConcurrentBatches, "batch", "batches")} at once`;
  const when = window ? `, from ${window.from} to ${window.to} (${window.timeZone}) only` : "";
  return `${how}${share}${when}; each is tried up to ${plural(maxAttempts, "time")}.`;
}

/** @param {Policy} policy */
function twice({ dedup, dedupHours, uniqueKey, uniqueKeyDays }) {
  const lines = [];
  const memory = duration(dedupHours * 3_600_000);
  if (dedup === "reject") lines.push(`The same file within ${memory} is refused.`);
  if (dedup === "returnExisting")
    lines.push(`The same file within ${memory} is not imported again: the answer is the first batch.`);
  if (uniqueKey) {
    const until = uniqueKeyDays === null ? "ever" : plural(uniqueKeyDays, "day");
    lines.push(`A record is delivered once for each ${[uniqueKey].flat().join(" with ")}, remembered for ${until}.`);
  }
  return lines;
}

/** @param {Policy} policy */
function held({ requiresApproval, approveWhen }) {
  if (requiresApproval === false) return [];
  if (requiresApproval === true) return ["Each batch waits for an operator's approval before it is checked."];
  return [
    `Each batch is checked and waits then for an operator's approval${approveWhen ? ", if it is beyond what is allowed without" : ""}.`,
  ];
}

/** @param {Policy} policy */
function delivered({ handler, table, chunkRecords, webhook }) {
  const to =
    handler === "store"
      ? "Records are stored in DataFlow"
      : handler === "table"
        ? `Records become rows of the table ${table?.name ?? ""}`.trimEnd()
        : `Records go to the handler ${handler}, ${count(chunkRecords)} at a time`;
  return `${to}. ${webhook ? `Its webhook is told of ${webhook.events.join(", ")}.` : "No webhook is told."}`;
}

/** @param {Policy} policy */
const kept = ({ retentionDays, keepBodyDays }) =>
  `A batch is kept ${plural(retentionDays, "day")} after its end${keepBodyDays > 0 ? `, and its file as it came for ${plural(keepBodyDays, "day")}` : ""}.`;
