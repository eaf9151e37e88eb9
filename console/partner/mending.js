/** The values that were typed into the grid. They stay until they are sent, also while another page is open. */
import { signal } from "@preact/signals";
import { call } from "../api/client.js";
import { who } from "../api/session.js";
import { jsonOf, patchOf, ruleOf } from "./fields.js";
import { hashText } from "./file.js";

/** @import { Batch } from "../types.d.ts" */
/** @import { Grid, MendRow } from "./rejected-rows.js" */

/** @typedef {Map<number, Map<string, string>>} Draft texts by record and field */

/** @type {Map<string, import("@preact/signals").Signal<Draft>>} */
const drafts = new Map();

/** Rows that this page has sent. The API would refuse them a second time. @type {Map<string, Set<number>>} */
const sentRows = new Map();

/** @param {string} id of the batch */
export const sentOf = (id) => sentRows.get(id) ?? new Set();

/** @param {string} id of the batch */
export function draftOf(id) {
  const known = drafts.get(id) ?? signal(/** @type {Draft} */ (new Map()));
  drafts.set(id, known);
  return known;
}

/**
 * @param {import("@preact/signals").Signal<Draft>} draft
 * @param {MendRow[]} rows
 * @param {string} field
 * @param {string} text
 */
export function write(draft, rows, field, text) {
  const next = new Map(draft.peek());
  for (const row of rows) {
    const texts = new Map(next.get(row.record));
    if (text === (row.cells.get(field) ?? "")) texts.delete(field);
    else texts.set(field, text);
    if (texts.size === 0) next.delete(row.record);
    else next.set(row.record, texts);
  }
  draft.value = next;
  holdTyped();
}

/** Makes the browser ask before it drops typed values, on whichever page of the console. */
function holdTyped() {
  if ([...drafts.values()].some((draft) => draft.peek().size > 0)) addEventListener("beforeunload", warn);
  else removeEventListener("beforeunload", warn);
}

/** @param {Event} event */
const warn = (event) => event.preventDefault();

/**
 * Rows whose cell was sent with the same text as this cell, and is not changed yet.
 * @param {Grid} grid
 * @param {Draft} draft
 * @param {MendRow} row
 * @param {string} field
 */
export const alike = ({ rows }, draft, row, field) =>
  rows.filter(
    (one) =>
      one !== row &&
      one.stuck === null &&
      one.faults.has(field) &&
      one.cells.get(field) === row.cells.get(field) &&
      !draft.get(one.record)?.has(field),
  );

/** The faults of the typed values: `record field` → why. @param {Grid} grid @param {Draft} draft */
export function faultsOf({ dataset: { schema } }, draft) {
  const faults = new Map();
  for (const [record, texts] of draft)
    for (const [field, text] of texts) {
      const found = jsonOf(text, ruleOf(schema, field));
      if ("fault" in found) faults.set(`${record} ${field}`, found.fault);
    }
  return faults;
}

/**
 * Sends the changed rows as a new batch. Sending the same rows twice makes one batch.
 * @param {string} id
 * @param {Grid} grid
 * @returns {Promise<Batch>} Throws ApiProblem.
 */
export async function sendMended(id, { dataset: { schema } }) {
  const changed = [...draftOf(id).peek()];
  const lines = changed.map(([record, texts]) => {
    const changes = [...texts].map(([field, text]) => {
      const found = jsonOf(text, ruleOf(schema, field));
      return /** @type {[string, string]} */ ([field, "json" in found ? found.json : "null"]);
    });
    return `{"record":${record},"patch":${patchOf(changes)}}\n`;
  });
  const raw = lines.join("");
  const { body } = await call("POST", `/imports/${id}/corrections`, {
    raw,
    headers: { "Content-Type": "application/x-ndjson", "Idempotency-Key": `mend-${hashText(id + raw)}` },
  });
  drafts.delete(id);
  holdTyped();
  sentRows.set(id, new Set([...sentOf(id), ...changed.map(([record]) => record)]));
  return body;
}

who.subscribe(() => {
  drafts.clear();
  sentRows.clear();
  holdTyped();
});
