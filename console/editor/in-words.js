/** A dataset or a policy in plain sentences. */
import { html } from "../ui/html.js";
import { bytes, count, duration, plural } from "../ui/numbers.js";
import { Granted } from "./granted.js";
import { isObject } from "./pointers.js";

/** @param {Record<string, any>} document @returns {[string, any][]} */
export function wordsOf(document) {
  const {
    formats = [],
    maxBytes,
    maxRecords,
    schema,
    onInvalid,
    maxErrors,
    window,
    requiresApproval,
    order,
    dedup,
    dedupHours,
    uniqueKey,
    handler,
    table,
    retentionDays,
    sensitive = [],
  } = document;
  const keys = [uniqueKey ?? []].flat();
  const hours = window ? `from ${window.from} to ${window.to}, ${window.timeZone}` : "at any time";
  return [
    ["Takes", `${formats.join(", ").toUpperCase()} up to ${bytes(maxBytes)} and ${count(maxRecords)} records`],
    ["A record", fieldsInWords(schema)],
    [
      "With faults",
      onInvalid === "rejectBatch"
        ? "one record with a fault fails the whole batch"
        : `the record is left out${maxErrors === null ? "" : `; with more than ${count(maxErrors)} the batch fails`}`,
    ],
    [
      "Runs",
      `${hours}${order === "fifo" ? ", one batch after another" : ""}${requiresApproval === false ? "" : `, after an operator has approved it${requiresApproval === "afterValidation" ? " by the figures of the check" : ""}`}`,
    ],
    [
      "The same file again",
      dedup === "allow"
        ? "is imported again"
        : `is ${dedup === "reject" ? "refused" : "answered with the earlier batch"}, for ${duration(dedupHours * 3_600_000)}`,
    ],
    [
      "The same record again",
      keys.length === 0 ? "is delivered again" : `is known by ${keys.join(" and ")}, and delivered once`,
    ],
    [
      "Goes to",
      handler === "store"
        ? "DataFlow's own table"
        : handler === "table"
          ? `the table ${table?.name ?? ""}`
          : `the handler ${handler}`,
    ],
    [
      "Is kept",
      `for ${plural(retentionDays, "day")}${sensitive.length > 0 ? `; ${sensitive.join(", ")} shown as •••` : ""}`,
    ],
  ];
}

/** @param {unknown} schema */
function fieldsInWords(schema) {
  const properties = isObject(schema) && isObject(schema.properties) ? Object.keys(schema.properties) : [];
  const required = isObject(schema) && Array.isArray(schema.required) ? schema.required : [];
  if (properties.length === 0) return "any object";
  const shown = properties.slice(0, 12).map((name) => (required.includes(name) ? `${name} (required)` : name));
  return `${plural(properties.length, "field")}: ${shown.join(", ")}${properties.length > 12 ? " …" : ""}`;
}

/** @param {{ document: Record<string, any>, name: string, seen: number }} props `seen`: the clients are read again when it changes */
export function InWords({ document, name, seen }) {
  return html`<dl class="facts">
    ${wordsOf(document).map(([term, text]) => html`<dt key=${term}>${term}</dt><dd key=${`${term} is`}>${text}</dd>`)}
    <dt>Clients</dt><dd><${Granted} key=${seen} name=${name} /></dd>
  </dl>`;
}
