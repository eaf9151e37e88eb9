/** The overview: whether the system is well, and what needs an operator. */
import { urlOf } from "../api/client.js";
import { Loading } from "../ui/empty.js";
import { ErrorBox } from "../ui/error-box.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { Page, Section } from "../ui/page.js";
import { answers, NodeTable } from "./nodes.list.js";
import { Attention, useNeeds } from "./overview.attention.js";
import { Caches, Limiter, Locks, Servers, useStats } from "./overview.parts.js";
import { Outgoing, Queue, States, To } from "./overview.queue.js";
import { Throughput } from "./overview.throughput.js";
import { findingsOf, wellOf } from "./overview.verdict.js";

/** @import { Finding } from "./overview.verdict.js" */
/** @import { SystemStats } from "../types.d.ts" */

export default function Overview() {
  const stats = useStats();
  const needs = useNeeds();
  const { data } = stats;
  return html`<${Page} title="Overview">
    <${ErrorBox} problem=${stats.problem} title="The figures could not be read." onRetry=${stats.reload} />
    ${stats.isLoading && html`<${Loading} lines=${8} />`}
    ${data && html`<${Verdict} stats=${data} needs=${needs} />`}
    ${
      data &&
      html`<div class="main-and-side">
        <${Throughput} since=${Math.min(...data.nodes.filter(answers).map(({ startedAt }) => Date.parse(startedAt)))} />
        <${Queue} stats=${data} />
        <${Attention} needs=${needs} />
        <${States} stats=${data} />
      </div>
      <${Section} title="Nodes"><${NodeTable} stats=${data} again=${stats.reload} /></${Section}>
      <div class="columns four">
        <${Servers} stats=${data} />
        <${Outgoing} stats=${data} />
        <div class="stack"><${Limiter} nodes=${data.nodes.filter(answers)} /><${Locks} nodes=${data.nodes.filter(answers)} /></div>
        <${Caches} nodes=${data.nodes.filter(answers)} />
      </div>`
    }
  </${Page}>`;
}

const icons = { good: "check", warn: "warning", bad: "error" };

/**
 * The worst finding as one sentence, with the other findings below.
 * @param {{ stats: SystemStats, needs: import("./overview.attention.js").Needs }} props
 */
function Verdict({ stats, needs }) {
  const findings = findingsOf(stats, needs);
  // Without all data the page cannot say that all is well.
  if ((needs.isLoading || needs.problem) && findings.length === 0) return null;
  const all = findings.length > 0 ? findings : [isNew(stats) ? nothingYet : wellOf(stats)];
  return html`<ul class="verdict" aria-label="How it is">
    ${all.map((finding, index) => html`<${Said} key=${finding.text} finding=${finding} isFirst=${index === 0} />`)}
  </ul>`;
}

/** @param {{ finding: Finding, isFirst: boolean }} props */
function Said({ finding: { tone, text, means, see, section }, isFirst }) {
  const runbook = section && urlOf(`docs/guide/runbook#${section.toLowerCase()}`);
  return html`<li class=${`${tone} ${isFirst ? "first" : ""}`}>
    <${Icon} name=${icons[tone]} />
    <p><strong>${text}</strong>${means && html` <span class="quiet">${means}</span>`}${see && html` <${To} path=${see.path} query=${see.query}>${see.label}</${To}>`}${runbook && html` <a href=${runbook} target="_blank" rel="noopener" aria-label=${`What to do: ${text}`}>What to do</a>`}</p>
  </li>`;
}

/** Whether nothing was ever imported. @param {SystemStats} stats */
const isNew = ({ batches }) => Object.values(batches).every((n) => n === 0);

/** @type {Finding} */
const nothingYet = {
  tone: "good",
  text: "It runs, and there is no batch yet.",
  means: "Let a client in, give it its secret, and let it send its first file.",
  see: { path: "/clients", label: "Clients" },
};
