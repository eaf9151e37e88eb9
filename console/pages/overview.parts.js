/** Parts of the overview that the page of nodes shows too. */
import { useNews, useQuery } from "../state/live.js";
import { html } from "../ui/html.js";
import { count, duration, percent } from "../ui/numbers.js";
import { Section } from "../ui/page.js";
import { Shares } from "../ui/progress.js";
import { State } from "../ui/states.js";
import { meanwhile } from "./overview.verdict.js";

/** @import { Found } from "../state/live.js" */
/** @import { Check, NodeFigures, SystemStats } from "../types.d.ts" */

/** The figures of the system, every second. @returns {Found<SystemStats>} */
export function useStats() {
  const found = /** @type {Found<SystemStats>} */ (
    useQuery("/admin/stats", { topics: ["stats"], onEvent: (name, data) => (name === "stats" ? data : undefined) })
  );
  // While the database is away, no figures come by the stream. A direct request tells that the database is away.
  useNews(["stats"], {
    onEvent: (name, data) => {
      if (name === "notice" && data?.state === "down") found.reload();
    },
    onPoll: () => undefined,
  });
  return found;
}

/** @type {Record<string, string>} */
const names = { database: "Database", redis: "Redis", rabbitmq: "RabbitMQ" };
/** @type {Record<string, string>} */
const whenOff = {
  redis: "Limits, caches and locks are in the node and the database.",
  rabbitmq: "Calls and queues are in the process and the database.",
};

/** @param {{ stats: SystemStats }} props */
export function Servers({ stats: { readiness } }) {
  const { tables = {}, ...own } = readiness.checks;
  const rows = [
    ...Object.entries(own).map(([key, check]) => /** @type {const} */ ([names[key] ?? key, check, key])),
    ...Object.entries(tables).map(([key, check]) => /** @type {const} */ ([`Tables: ${key}`, check, "tables"])),
  ];
  return html`<${Section} title="Servers"><ul class="servers">
    ${rows.map(([name, check, key]) => html`<li key=${name}><strong>${name}</strong><${ServerState} check=${check} /><span class="quiet">${said(check, key)}</span></li>`)}
  </ul></${Section}>`;
}

/** @param {{ check: Check }} props */
function ServerState({ check }) {
  if (check === "off") return html`<${State} of="off" />`;
  return html`<${State} of=${check.status} more=${check.status === "up" ? duration(check.latencyMs) : undefined} />`;
}

/** @param {Check} check @param {string} key */
function said(check, key) {
  if (check === "off") return whenOff[key] ?? "Not configured.";
  if (check.status === "up") return "";
  return meanwhile[/** @type {keyof typeof meanwhile} */ (key)] ?? "Batches into its tables wait.";
}

/** @param {(NodeFigures["limiter"] | null)[]} all */
const storeOf = (all) => [...new Set(all.flatMap((one) => (one ? [one.store] : [])))];
/** @type {Record<string, string>} */
const stores = {
  redis: "in Redis, for all nodes",
  share: "shared out by node, because Redis is away",
  process: "in the node",
};

/** @param {{ nodes: NodeFigures[] }} props */
export function Limiter({ nodes }) {
  const all = nodes.map(({ limiter }) => limiter).filter((one) => one !== null);
  const sum = (/** @type {"allowed" | "refused" | "fallbacks"} */ key) =>
    all.reduce((total, one) => total + one[key], 0);
  if (all.length === 0)
    return html`<${Section} title="Limits"><p class="quiet">No node counts requests.</p></${Section}>`;
  const [allowed, refused] = [sum("allowed"), sum("refused")];
  return html`<${Section} title="Limits">
    <p class="quiet">Requests are counted ${storeOf(all)
      .map((store) => stores[store] ?? store)
      .join(" and ")}.</p>
    <dl class="figures small">
      <div><dt>Allowed</dt><dd>${count(allowed)}</dd></div>
      <div><dt>Refused</dt><dd>${count(refused)} <span class="quiet">${percent(refused, allowed + refused)}</span></dd></div>
      ${sum("fallbacks") > 0 && html`<div><dt>Without Redis</dt><dd>${count(sum("fallbacks"))}</dd></div>`}
    </dl>
    <p class="quiet note">Since the nodes started.</p>
  </${Section}>`;
}

/** @type {Record<string, string>} */
const cacheNames = { clientCache: "Clients", operator: "Operators", policy: "Policies" };

/** @param {{ nodes: NodeFigures[] }} props */
export function Caches({ nodes }) {
  /** @type {Map<string, { hits: number, misses: number }>} */
  const caches = new Map();
  for (const node of nodes)
    for (const [name, { hits, misses }] of Object.entries(node.caches)) {
      const sum = caches.get(name) ?? { hits: 0, misses: 0 };
      caches.set(name, { hits: sum.hits + hits, misses: sum.misses + misses });
    }
  return html`<${Section} title="Caches">
    ${caches.size === 0 && html`<p class="quiet">No node has a cache.</p>`}
    <ul class="shares-list">${[...caches].map(
      ([
        name,
        { hits, misses },
      ]) => html`<li key=${name}><span>${cacheNames[name] ?? name}</span><span class="quiet">${hits + misses === 0 ? "not asked yet" : `${percent(hits, hits + misses)} found`}</span>
      <${Shares} label=${name} parts=${[{ name: "found", value: hits, tone: "good" }]} all=${hits + misses} /></li>`,
    )}</ul>
    <p class="quiet note">In the processes, since the nodes started.</p>
  </${Section}>`;
}

/** @param {{ nodes: NodeFigures[] }} props */
export function Locks({ nodes }) {
  const all = nodes.map(({ locks }) => locks).filter((one) => one !== null);
  const sum = (/** @type {"acquired" | "busy" | "unavailable" | "lost" | "fallbacks"} */ key) =>
    all.reduce((total, one) => total + one[key], 0);
  if (all.length === 0) return html`<${Section} title="Locks"><p class="quiet">No node takes locks.</p></${Section}>`;
  const providers = [...new Set(all.map(({ provider }) => provider))];
  return html`<${Section} title="Locks">
    <p class="quiet">Kept in ${providers.map((name) => (name === "redis" ? "Redis" : "the database")).join(" and ")}.</p>
    <dl class="figures small">
      <div><dt>Acquired</dt><dd>${count(sum("acquired"))}</dd></div>
      <div><dt>Busy</dt><dd>${count(sum("busy"))}</dd></div>
      <div><dt>Lost</dt><dd class=${sum("lost") > 0 ? "warn tone" : ""}>${count(sum("lost"))}</dd></div>
      <div><dt>Unavailable</dt><dd class=${sum("unavailable") > 0 ? "bad tone" : ""}>${count(sum("unavailable"))}</dd></div>
    </dl>
    <p class="quiet note">Since the nodes started.</p>
  </${Section}>`;
}
