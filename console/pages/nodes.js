/** The nodes: their roles, what each has counted since its start, and the servers behind them. */
import { post } from "../api/client.js";
import { may } from "../api/session.js";
import { ask } from "../ui/dialog.js";
import { Loading } from "../ui/empty.js";
import { ErrorBox } from "../ui/error-box.js";
import { html } from "../ui/html.js";
import { Page, Section } from "../ui/page.js";
import { toast } from "../ui/toast.js";
import { answers, NodeTable } from "./nodes.list.js";
import { Caches, Limiter, Locks, Servers, useStats } from "./overview.parts.js";

const flushed = {
  emptied: "The caches of all nodes are empty, and those in Redis.",
  off: "The caches of all nodes are empty.",
  away: "The caches of all nodes are empty, but Redis is away: old values may come back from there.",
};

async function flush() {
  let redis = /** @type {keyof typeof flushed} */ ("off");
  const isDone = await ask({
    title: "Empty all caches?",
    consequence:
      "All nodes read clients and policies from the database again. Nothing is lost; the next requests take a little longer.",
    action: "Empty caches",
    run: async () => {
      redis = (await post("/admin/caches/flush")).redis;
    },
  });
  if (isDone) toast(flushed[redis], redis === "away" ? "bad" : "good");
}

export default function Nodes() {
  const stats = useStats();
  const { data } = stats;
  const actions = may("operator") && html`<button type="button" class="button" onClick=${flush}>Empty caches</button>`;
  return html`<${Page} title="Nodes" actions=${actions}>
    <${ErrorBox} problem=${stats.problem} title="The nodes could not be read." onRetry=${stats.reload} />
    ${stats.isLoading && html`<${Loading} lines=${6} />`}
    ${
      data &&
      html`<${Section} title="Running now"><${NodeTable} stats=${data} again=${stats.reload} /></${Section}>
      <${Servers} stats=${data} />
      <div class="columns">
        <${Limiter} nodes=${data.nodes.filter(answers)} />
        <${Caches} nodes=${data.nodes.filter(answers)} />
        <${Locks} nodes=${data.nodes.filter(answers)} />
      </div>`
    }
  </${Page}>`;
}
