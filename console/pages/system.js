/** The system: the running versions, the settings in force and where they come from, the database and its migrations. */
import { urlOf } from "../api/client.js";
import { useQuery } from "../state/live.js";
import { setQuery } from "../state/router.js";
import { Loading } from "../ui/empty.js";
import { ErrorBox } from "../ui/error-box.js";
import { fieldOf } from "../ui/fields.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { plural } from "../ui/numbers.js";
import { Page, Section } from "../ui/page.js";
import { State } from "../ui/states.js";
import { Table } from "../ui/table.js";

/** @import { PageProps, SystemDescription } from "../types.d.ts" */

/** @typedef {SystemDescription["settings"][number]} Setting */
/** @typedef {SystemDescription["nodes"][number]} Node */

const databases = { sqlite: "SQLite", postgres: "PostgreSQL", mssql: "SQL Server" };

/** @type {import("../ui/table.js").Column<Setting>[]} */
const settingColumns = [
  { key: "name", title: "Setting", render: ({ name }) => html`<code>${name}</code>` },
  {
    key: "value",
    title: "In force",
    render: ({ value }) => html`<span class="mono cut" title=${value}>${value}</span>`,
  },
  {
    key: "source",
    title: "From",
    hides: "last",
    render: ({ source }) =>
      source === "environment" ? html`<strong>environment</strong>` : html`<span class="quiet">default</span>`,
  },
  { key: "meaning", title: "Meaning", isWide: true, hides: "first", render: ({ meaning }) => meaning },
];

/** @param {string} version the version of the node that answers @returns {import("../ui/table.js").Column<Node>[]} */
const nodeColumns = (version) => [
  { key: "node", title: "Node", render: ({ node }) => html`<a href="#/nodes">${node}</a>` },
  {
    key: "version",
    title: "Version",
    render: (node) =>
      "unreachable" in node
        ? html`<${State} of="unreachable" />`
        : html`${node.version}${node.version !== version && html` <span class="state warn"><${Icon} name="warning" />another version</span>`}`,
  },
  { key: "runtime", title: "Node.js", hides: "first", render: (node) => ("runtime" in node ? node.runtime : "–") },
  {
    key: "differs",
    title: "Other settings than here",
    isWide: true,
    render: (node) =>
      "differs" in node && node.differs.length > 0
        ? html`<span class="mono">${node.differs.join(", ")}</span>`
        : html`<span class="quiet">none</span>`,
  },
];

/** @type {[href: string, label: string][]} */
const links = [
  ["docs", "API documentation"],
  ["openapi.json", "OpenAPI document"],
  ["metrics", "Metrics for Prometheus"],
  ["health/ready", "Readiness"],
];

/** @param {PageProps} props */
export default function System({ query }) {
  const found = useQuery("/admin/system");
  const system = /** @type {SystemDescription | null} */ (found.data);
  return html`<${Page} title="System" lead=${system && `DataFlow ${system.version} on Node.js ${system.runtime}, as the node ${system.node} has it.`}>
    <${ErrorBox} problem=${found.problem} title="This could not be read." onRetry=${found.reload} />
    ${found.isLoading && html`<${Loading} label="Loading the system" />`}
    ${system && html`<${Parts} system=${system} query=${query} />`}
  </${Page}>`;
}

/** @param {{ system: SystemDescription, query: Record<string, string> }} props */
function Parts({ system: { version, nodes, settings, database }, query }) {
  const { applied, pending } = database.migrations;
  const { q = "", set } = query;
  const wanted = q.toLowerCase();
  const shown = settings.filter(
    ({ name, meaning, source }) =>
      (!set || source === "environment") && `${name} ${meaning}`.toLowerCase().includes(wanted),
  );
  return html`<div class="columns">
      <${Section} title="Database">
        <dl class="facts">
          <dt>Kind</dt><dd>${databases[database.kind]}</dd>
          <dt>Migrations</dt><dd>${pending.length === 0 ? html`<span class="state good"><${Icon} name="check" />all ${applied.length} made</span>` : html`<span class="state warn"><${Icon} name="warning" />${plural(pending.length, "migration")} to come: ${pending.join(", ")}</span>`}</dd>
          <dt>Last one</dt><dd class="mono">${applied.at(-1) ?? "–"}</dd>
        </dl>
        <details><summary>All migrations</summary><ol class="mono quiet">${applied.map((name) => html`<li key=${name}>${name}</li>`)}</ol></details>
      </${Section}>
      <${Section} title="Elsewhere">
        <ul class="links">${links.map(([to, label]) => html`<li key=${to}><a href=${urlOf(to)}>${label}</a></li>`)}</ul>
      </${Section}>
    </div>
    <${Section} title="Nodes"><${Table} caption="Versions of the nodes" columns=${nodeColumns(version)} list=${{ items: nodes }} keyOf=${(/** @type {Node} */ { node }) => node} /></${Section}>
    <${Section} title=${`Settings, ${shown.length} of ${settings.length}`} actions=${html`
      <label class="check"><input type="checkbox" checked=${Boolean(set)} onChange=${() => setQuery({ set: set ? null : "1" }, { replace: true })} />Only those that are set</label>
      <input type="search" aria-label="Find a setting" placeholder="Find a setting" value=${q} onInput=${(/** @type {Event} */ event) => setQuery({ q: fieldOf(event).value }, { replace: true })} />`}>
      <${Table} caption="Settings" columns=${settingColumns} list=${{ items: shown }} keyOf=${(/** @type {Setting} */ { name }) => name}
        empty=${html`<p class="quiet">No setting is like this.</p>`} />
    </${Section}>`;
}
