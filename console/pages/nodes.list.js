/**
 * The nodes of the system: what each runs, how busy it is, and a pause of its worker. The overview and the page of nodes show
 * this list.
 */
import { post } from "../api/client.js";
import { may } from "../api/session.js";
import { ask } from "../ui/dialog.js";
import { Empty } from "../ui/empty.js";
import { html } from "../ui/html.js";
import { bytes, count, duration, percent, plural } from "../ui/numbers.js";
import { State } from "../ui/states.js";
import { Table } from "../ui/table.js";
import { now, Time } from "../ui/time.js";
import { toast } from "../ui/toast.js";

/** @import { NodeFigures, SystemStats } from "../types.d.ts" */
/** @import { Column } from "../ui/table.js" */

/** @typedef {SystemStats["nodes"][number]} AnyNode */

/** @param {AnyNode} node @returns {node is NodeFigures} */
export const answers = (node) => !("unreachable" in node);

/** When this page first saw that a node does not answer, by node. @type {Map<string, number>} */
const silent = new Map();

/** @param {AnyNode} node */
function silentFor({ node }) {
  const since = silent.get(node) ?? now.peek();
  silent.set(node, since);
  return `for ${duration(Math.max(1_000, now.value - since))}`;
}

/** @param {{ node: AnyNode }} props */
function NodeState({ node }) {
  if (!answers(node)) return html`<${State} of="unreachable" more=${silentFor(node)} />`;
  silent.delete(node.node);
  return html`<${State} of=${node.slots?.paused ? "paused" : "up"} />`;
}

/**
 * The places of a worker as dots; a filled dot is a batch. Above 16 places only numbers are shown.
 * @param {{ slots: { busy: number, free: number } }} props
 */
export function Slots({ slots: { busy, free } }) {
  const all = busy + free;
  const text = `${busy} of ${all}`;
  if (all > 16) return html`<span>${text}</span>`;
  return html`<span class="slots"><svg viewBox=${`0 0 ${all * 10} 8`} width=${all * 10} height="8" aria-hidden="true">
    ${Array.from({ length: all }, (_, index) => html`<rect key=${index} class=${index < busy ? "fill-busy" : "fill-empty"} x=${index * 10} y="0" width="8" height="8" rx="2" />`)}
  </svg><span>${text}</span></span>`;
}

/** @param {NodeFigures} node @param {() => void} again */
async function turn({ node, slots }, again) {
  const isPaused = slots?.paused === true;
  const busy = slots?.busy ?? 0;
  const isDone = await ask({
    title: isPaused ? `Let the worker on ${node} go on?` : `Pause the worker on ${node}?`,
    consequence: isPaused
      ? "It takes batches again at once."
      : `It takes no further batch, and ends ${busy === 0 ? "none now" : `the ${plural(busy, "one")} that it has`}. Uploads go on. A restart ends the pause.`,
    action: isPaused ? "Go on" : "Pause worker",
    run: () => post(`/admin/nodes/${encodeURIComponent(node)}/${isPaused ? "resume" : "pause"}`),
  });
  if (!isDone) return;
  toast(isPaused ? `The worker on ${node} goes on.` : `The worker on ${node} is paused.`);
  again();
}

/** @param {() => void} again @returns {Column<AnyNode>[]} */
const columnsOf = (again) => [
  {
    key: "node",
    title: "Node",
    render: (node) =>
      html`<strong>${node.node}</strong>${answers(node) && html`<span class="quiet under">${rolesOf(node)}</span>`}`,
  },
  { key: "state", title: "State", render: (node) => html`<${NodeState} node=${node} />` },
  {
    key: "slots",
    title: "Batches",
    render: (node) =>
      answers(node) && node.slots ? html`<${Slots} slots=${node.slots} />` : html`<span class="quiet">no worker</span>`,
  },
  {
    key: "cpu",
    title: "CPU",
    align: "right",
    render: (node) => (answers(node) ? `${Math.round(node.cpu * 100)} %` : "–"),
  },
  {
    key: "memory",
    title: "Memory",
    align: "right",
    hides: "last",
    render: (node) => (answers(node) ? bytes(node.rssBytes) : "–"),
  },
  {
    key: "loop",
    title: "Event loop",
    align: "right",
    hides: "first",
    render: (node) => (answers(node) ? percent(node.eventLoop, 1) : "–"),
  },
  {
    key: "requests",
    title: "Requests/s",
    align: "right",
    hides: "first",
    render: (node) => (answers(node) ? count(Math.round(node.rates.requestsPerSecond)) : "–"),
  },
  { key: "version", title: "Version", hides: "first", render: (node) => (answers(node) ? node.version : "–") },
  {
    key: "up",
    title: "Up since",
    hides: "last",
    render: (node) => (answers(node) ? html`<${Time} at=${node.startedAt} />` : "–"),
  },
  {
    key: "act",
    title: html`<span class="offscreen">What can be done</span>`,
    align: "right",
    render: (node) =>
      answers(node) && node.slots && may("operator")
        ? html`<button type="button" class="button small" onClick=${() => turn(node, again)}>${node.slots.paused ? "Go on" : "Pause"}<span class="offscreen"> ${node.node}</span></button>`
        : null,
  },
];

/** The roles of a node in few words. @param {NodeFigures} node */
export function rolesOf({ roles }) {
  const does = [roles.includes("api") && "API", roles.includes("batchProcessor") && "worker"].filter(Boolean);
  return does.length > 0 ? does.join(", ") : plural(roles.length, "service");
}

/** @param {{ stats: SystemStats, again: () => void }} props */
export function NodeTable({ stats, again }) {
  return html`<${Table} caption="Nodes" columns=${columnsOf(again)} list=${{ items: stats.nodes }} keyOf=${(/** @type {AnyNode} */ { node }) => node}
    toneOf=${(/** @type {AnyNode} */ node) => (answers(node) ? "" : "bad-row")}
    empty=${html`<${Empty} title="No node answers." icon="nodes"><p>Start one: <code>npm start</code></p></${Empty}>`} />`;
}
