/** A new dataset: from nothing, from an example file, or as a copy. */
import { signal } from "@preact/signals";
import { call, get, put, withQuery } from "../api/client.js";
import { ApiProblem } from "../api/problem.js";
import { useList } from "../state/list.js";
import { navigate } from "../state/router.js";
import { ask } from "../ui/dialog.js";
import { fieldOf } from "../ui/fields.js";
import { html } from "../ui/html.js";
import { plural } from "../ui/numbers.js";
import { toast } from "../ui/toast.js";
import { schemaOfSamples } from "./infer.js";

/** @import { ListedDataset } from "../types.d.ts" */

/** @typedef {"nothing" | "file" | "copy"} Start */

const draft = signal({
  name: "",
  start: /** @type {Start} */ ("nothing"),
  from: "",
  file: /** @type {File | null} */ (null),
});

/** @param {Partial<typeof draft.value>} change */
const edit = (change) => {
  draft.value = { ...draft.peek(), ...change };
};

/** @type {[Start, string][]} */
const starts = [
  ["nothing", "With the defaults: any object is a record"],
  ["file", "From an example file: its columns and their types are proposed"],
  ["copy", "As a copy of another dataset"],
];

function Fields() {
  const { name, start, from } = draft.value;
  const list = useList(start === "copy" ? "/admin/datasets" : null, {
    query: { limit: 200 },
    keyOf: (/** @type {ListedDataset} */ one) => one.name,
  });
  return html`<div class="stack">
    <label class="field"><span>Name</span>
      <input type="text" required autocomplete="off" spellcheck=${false} maxlength="64" pattern="[a-z][a-z0-9_\\-]*" value=${name} onInput=${(/** @type {Event} */ event) => edit({ name: fieldOf(event).value })} />
      <span class="help">Small letters, digits, _ and -, such as orders. It stands in addresses, and stays.</span></label>
    <fieldset class="field"><legend>It begins</legend><div class="options single">
      ${starts.map(([value, text]) => html`<label key=${value}><input type="radio" name="start" checked=${start === value} onChange=${() => edit({ start: value })} /><span>${text}</span></label>`)}
    </div></fieldset>
    ${
      start === "file" &&
      html`<label class="field"><span>Example file</span><input type="file" required accept=".csv,.tsv,.txt,.ndjson,.jsonl,.json,.xlsx" onChange=${(/** @type {Event} */ event) => edit({ file: fieldOf(event).files?.[0] ?? null })} />
      <span class="help">The first 1 MiB is read. Nothing of it is stored.</span></label>`
    }
    ${
      start === "copy" &&
      html`<label class="field"><span>Copy of</span><select required value=${from} onChange=${(/** @type {Event} */ event) => edit({ from: fieldOf(event).value })}>
      <option value="">Choose</option>${list.items.map((one) => html`<option key=${one.name} value=${one.name}>${one.name}</option>`)}</select></label>`
    }
  </div>`;
}

/** Asks for a name, creates the dataset, and opens its page. @param {{ from?: string }} [given] `from`: a copy of that */
export async function newDataset({ from = "" } = {}) {
  draft.value = { name: "", start: from ? "copy" : "nothing", from, file: null };
  let said = "";
  const isDone = await ask({
    title: "New dataset",
    consequence: "No client has it until it is granted.",
    action: "Create dataset",
    extra: html`<${Fields} />`,
    run: async () => {
      const { name } = draft.peek();
      await wantFree(name);
      const { document, note } = await begin();
      said = note;
      await put(pathOf(name), document);
    },
  });
  if (!isDone) return;
  toast(said || "The dataset is made. Look at its fields before you grant it.");
  navigate(`/datasets/${encodeURIComponent(draft.peek().name)}`);
}

/** @param {string} name */
const pathOf = (name) => `/admin/datasets/${encodeURIComponent(name)}`;

/** Throws if the name is taken, because a PUT would overwrite that dataset. @param {string} name */
async function wantFree(name) {
  const isThere = await get(pathOf(name)).then(
    () => true,
    (error) => {
      if (error.status === 404) return false;
      throw error;
    },
  );
  if (isThere)
    throw new ApiProblem({
      status: 409,
      code: "conflict",
      detail: `There is a dataset "${name}" already. Choose another name.`,
    });
}

/** @returns {Promise<{ document: unknown, note: string }>} the first version of the dataset */
async function begin() {
  const { start, from, file } = draft.peek();
  if (start === "copy") return { document: await get(pathOf(from)), note: `It is a copy of ${from}.` };
  if (start === "nothing" || !file) return { document: {}, note: "" };
  const { records, format } = await recordsOf(file);
  if (records.length === 0)
    throw new ApiProblem({ status: 0, code: "empty-body", detail: "No record was found in this file." });
  const schema = schemaOfSamples(records);
  const fields = Object.keys(/** @type {object} */ (schema.properties)).length;
  return {
    document: { formats: [format], schema },
    note: `${plural(fields, "field")} proposed from ${plural(records.length, "record")}. Look at their types before you grant it.`,
  };
}

/** @type {Record<string, string>} */
const endings = { csv: "csv", tsv: "csv", txt: "csv", ndjson: "ndjson", jsonl: "ndjson", json: "json", xlsx: "xlsx" };

/** The records of the file. The API reads it as it would read an import. @param {File} file */
async function recordsOf(file) {
  const format = endings[file.name.split(".").at(-1)?.toLowerCase() ?? ""] ?? "csv";
  const form = new FormData();
  form.append("dataset", "{}");
  form.append("file", format === "xlsx" ? file : file.slice(0, 1024 * 1024), file.name);
  const { body } = await call("POST", withQuery("/admin/datasets/new/try", { format }), { raw: form });
  const found = /** @type {{ data: Record<string, unknown> | null }[]} */ (body.records);
  return { format, records: found.flatMap(({ data }) => (data ? [data] : [])) };
}
