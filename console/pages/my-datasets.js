/** A partner's datasets in words: allowed files, limits, fields, and a template to begin with. */
import { urlOf, withQuery } from "../api/client.js";
import { acceptedBy } from "../partner/accepted.js";
import { fieldsOf } from "../partner/fields.js";
import { useQuery } from "../state/live.js";
import { href } from "../state/router.js";
import { Empty, Loading } from "../ui/empty.js";
import { ErrorBox } from "../ui/error-box.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { bytes, count, plural } from "../ui/numbers.js";
import { Page, Section } from "../ui/page.js";
import { Table } from "../ui/table.js";

/** @import { OwnDataset, OwnDatasetItem, PageProps } from "../types.d.ts" */
/** @import { FieldRule } from "../partner/fields.js" */

const OWN = "default";
const templates = ["csv", "xlsx", "ndjson"];

/** @param {PageProps} props */
export default function MyDatasets({ query }) {
  const list = useQuery("/datasets");
  /** @type {OwnDatasetItem[]} */
  const items = list.data?.items ?? [];
  const name = query.name ?? items[items.length > 1 ? 1 : 0]?.name;
  return html`<${Page} title="Datasets" lead="What you may send, and what a file must look like.">
    <${ErrorBox} problem=${list.problem} title="Your datasets could not be read." onRetry=${list.reload} />
    ${list.isLoading && html`<${Loading} label="Loading datasets" />`}
    ${
      items.length > 1 &&
      html`<nav class="row" aria-label="Datasets">${items.map(
        (one) =>
          html`<a key=${one.name} class=${`button small ${one.name === name ? "primary" : ""}`} aria-current=${one.name === name ? "true" : undefined} href=${href("/datasets", { name: one.name })}>${one.name === OWN ? "other data (default)" : one.name}</a>`,
      )}</nav>`
    }
    ${name && html`<${One} key=${name} name=${name} />`}
  </${Page}>`;
}

/** @param {{ name: string }} props */
function One({ name }) {
  const found = useQuery(`/datasets/${encodeURIComponent(name)}`);
  const dataset = /** @type {OwnDataset | null} */ (found.data);
  if (found.problem)
    return html`<${ErrorBox} problem=${found.problem} title="The dataset could not be read." onRetry=${found.reload} />`;
  if (!dataset) return html`<${Loading} label="Loading the dataset" />`;
  const mine = templates.filter((format) => dataset.formats.some((one) => one === format));
  return html`<div class="stack">
    <${Section} title=${name === OWN ? "Other data" : name} actions=${html`
      ${mine.map((format) => html`<a key=${format} class="button small" href=${urlOf(withQuery(`/datasets/${encodeURIComponent(name)}/template`, { format }))} download><${Icon} name="download" />Template (${format.toUpperCase()})</a>`)}
      <a class="button small primary" href=${href("/import", { dataset: name })}><${Icon} name="upload" />Import a file</a>`}>
      ${dataset.description && html`<p>${dataset.description}</p>`}
      <ul class="words">${sentencesOf(dataset).map((sentence) => html`<li key=${sentence}>${sentence}</li>`)}</ul>
    </${Section}>
    <${Section} title="Fields"><${Fields} dataset=${dataset} /></${Section}>
  </div>`;
}

/** @type {Record<string, string>} */
const formatWords = { csv: "CSV", xlsx: "an Excel workbook (XLSX)", ndjson: "NDJSON", json: "a JSON list" };

/** @param {OwnDataset} dataset @returns {string[]} */
function sentencesOf({
  formats,
  maxBytes,
  maxRecords,
  onInvalid,
  maxErrors,
  requiresApproval,
  window: opens,
  order,
  dedup,
  dedupHours,
  uniqueKey,
  read,
}) {
  const delimiter = read?.dialect.delimiter;
  return [
    `A file is ${formats.map((format) => formatWords[format] ?? format).join(", or ")}, of at most ${bytes(maxBytes)} and ${plural(maxRecords, "row")}. It may be packed with gzip (.gz).`,
    formats.includes("csv") &&
      `Cells of CSV are separated by ${delimiter ? `“${delimiter}”` : "comma, semicolon or tab, as DataFlow recognises"}, and the text is ${(read?.encoding ?? "utf-8").toUpperCase()}.`,
    onInvalid === "skip"
      ? "Rows that are wrong are rejected; the others are imported."
      : "One wrong row rejects the whole file.",
    maxErrors !== null && `More than ${plural(maxErrors, "fault")} stop the whole file.`,
    requiresApproval && "Somebody looks at each file before it is imported.",
    opens && `It is imported between ${opens.from} and ${opens.to} (${opens.timeZone}).`,
    order !== "none" && "Files are imported one after the other, in the order in which you send them.",
    dedup !== "allow" && `The same file is refused if it comes again within ${plural(dedupHours, "hour")}.`,
    uniqueKey && `A row whose ${[uniqueKey].flat().join(" and ")} came before is left out as a duplicate.`,
  ].filter((sentence) => typeof sentence === "string");
}

/** @typedef {{ name: string, rule: FieldRule, isRequired: boolean }} FieldRow */

/** @param {{ dataset: OwnDataset }} props */
function Fields({ dataset: { schema, read } }) {
  const rows = fieldsOf(schema);
  if (rows.length === 0)
    return html`<${Empty} title="Any fields are accepted." icon="datasets"><p>This dataset has no rules for its fields: all rows that can be read are imported.</p></${Empty}>`;
  /** @type {import("../ui/table.js").Column<FieldRow>[]} */
  const columns = [
    { key: "name", title: "Field", render: ({ name }) => html`<code>${name}</code>` },
    {
      key: "needed",
      title: "Needed",
      render: ({ isRequired }) => (isRequired ? html`<b>yes</b>` : html`<span class="quiet">no</span>`),
    },
    {
      key: "accepted",
      title: "What is accepted",
      isWide: true,
      render: ({ rule }) =>
        html`${acceptedBy(rule)}${rule.description && html`<br /><span class="quiet">${rule.description}</span>`}`,
    },
    {
      key: "titles",
      title: "Also called",
      hides: "last",
      render: ({ name }) => read?.fields?.[name]?.titles?.join(", ") ?? "",
    },
  ];
  return html`<${Table} caption=${`${count(rows.length)} fields`} columns=${columns} list=${{ items: rows }} keyOf=${(/** @type {FieldRow} */ { name }) => name} />`;
}
